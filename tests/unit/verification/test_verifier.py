"""verification.verifier: each attack on a signature is stopped, and the same set-up without it passes."""

from __future__ import annotations

import base64
import dataclasses
import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from attestflow.bundle import Bundle, oms_hint_of
from attestflow.documents import canonical_json
from attestflow.dsse import PAYLOAD_TYPE, Envelope, pae
from attestflow.errors import ConfigurationError, IdentityError, MalformedStatement, SignatureError, VerificationError
from attestflow.predicates import approval, reference, vsa
from attestflow.statement import Statement
from attestflow.subject import ResourceDescriptor
from attestflow.testing.trust import NOW, Person, new_signer, new_verifier, trust_root_yaml
from attestflow.verification.trust_root import TrustRoot
from attestflow.verification.verifier import VerifiedStatement, Verifier

PIPELINE, OWNER, GATE, STRANGER = new_signer(), new_signer(), new_signer(), new_signer()
PEOPLE = {
    "pipeline": Person([PIPELINE], [reference.PREDICATE_TYPE]),
    "owner": Person([OWNER], [approval.PREDICATE_TYPE], observed=True),
    "verifier": Person([GATE], [vsa.PREDICATE_TYPE]),
}
STATEMENT = Statement.build(
    [ResourceDescriptor(name="m", digest={"sha256": "0a" * 32}, annotations={"kind": "model"})],
    reference.PREDICATE_TYPE,
    reference.Reference((ResourceDescriptor(name="m", digest={"sha256": "0a" * 32}),)).to_json(),
)
BUNDLE = PIPELINE.sign(STATEMENT)


def changed(**changes: Any) -> bytes:
    """The good bundle with parts of its envelope or material replaced."""
    document = json.loads(BUNDLE.raw)
    for name, value in changes.items():
        holder = document["dsseEnvelope"] if name in document["dsseEnvelope"] else document["verificationMaterial"]
        holder[name] = value
    return canonical_json(document)


def test_a_good_bundle_is_verified() -> None:
    verified = new_verifier(PEOPLE).verify(BUNDLE.raw)
    assert verified.statement == STATEMENT
    assert (verified.functionary, verified.observed) == ("pipeline", False)
    assert (verified.key_fingerprint, verified.identity) == (PIPELINE.key_fingerprint, BUNDLE.identity)
    assert new_verifier(PEOPLE).verify(BUNDLE) == verified


def test_a_stranger_is_not_believed() -> None:
    with pytest.raises(SignatureError, match="no functionary has the key"):
        new_verifier(PEOPLE).verify(STRANGER.sign(STATEMENT))


def test_a_hint_only_selects() -> None:
    """A stranger signs and names the pipeline's key."""
    stranger = STRANGER.sign(STATEMENT)
    forged = Bundle.build(stranger.envelope, str(BUNDLE.key_hint))
    with pytest.raises(SignatureError, match="not one by key"):
        new_verifier(PEOPLE).verify(forged)


def test_another_payload_under_a_good_signature_is_refused() -> None:
    other = Statement.build(
        [ResourceDescriptor(name="evil", digest={"sha256": "0b" * 32})], reference.PREDICATE_TYPE, {}
    )
    with pytest.raises(SignatureError):
        new_verifier(PEOPLE).verify(changed(payload=base64.b64encode(other.payload).decode()))


def test_a_signature_over_the_bare_payload_is_refused() -> None:
    """DSSE binds the payload type: a signature over the payload alone says nothing."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    def signed(message: bytes) -> Bundle:
        signature = PIPELINE._key.sign(message, ec.ECDSA(hashes.SHA256()))
        return Bundle.build(Envelope(STATEMENT.payload, PAYLOAD_TYPE, "", signature), str(BUNDLE.key_hint))

    assert new_verifier(PEOPLE).verify(signed(pae(PAYLOAD_TYPE, STATEMENT.payload)))
    for message in (STATEMENT.payload, pae("application/json", STATEMENT.payload), pae("", STATEMENT.payload)):
        with pytest.raises(SignatureError):
            new_verifier(PEOPLE).verify(signed(message))


@pytest.mark.parametrize(
    "signature", [b"\x00", b"\x30\x06\x02\x01\x00\x02\x01\x00", b"\x30\x06\x02\x01\x01\x02\x01\x01", b"\xff" * 72]
)
def test_empty_and_zero_signatures_are_refused(signature: bytes) -> None:
    envelope = Envelope(STATEMENT.payload, PAYLOAD_TYPE, "", signature)
    with pytest.raises(SignatureError):
        new_verifier(PEOPLE).verify(Bundle.build(envelope, str(BUNDLE.key_hint)))


def test_the_other_root_of_a_signature_is_the_same_attestation() -> None:
    """ECDSA takes (r, n-s) too: whoever makes that second signature has made no second attestation."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    r, s = decode_dss_signature(BUNDLE.envelope.signature)
    twin = dataclasses.replace(BUNDLE.envelope, signature=encode_dss_signature(r, order - s))
    assert new_verifier(PEOPLE).verify(Bundle.build(twin, str(BUNDLE.key_hint))).identity == BUNDLE.identity


def test_a_signature_with_bytes_behind_it_is_refused() -> None:
    padded = dataclasses.replace(BUNDLE.envelope, signature=BUNDLE.envelope.signature + b"\x00")
    with pytest.raises(SignatureError):
        new_verifier(PEOPLE).verify(Bundle.build(padded, str(BUNDLE.key_hint)))


def test_two_signatures_are_refused() -> None:
    signatures = json.loads(BUNDLE.raw)["dsseEnvelope"]["signatures"] * 2
    with pytest.raises(MalformedStatement, match="exactly one"):
        new_verifier(PEOPLE).verify(changed(signatures=signatures))


def test_an_unsigned_key_id_that_names_another_key_is_refused() -> None:
    signature = json.loads(BUNDLE.raw)["dsseEnvelope"]["signatures"][0]["sig"]
    for keyid in ("", PIPELINE.key_fingerprint, str(BUNDLE.key_hint)):
        assert new_verifier(PEOPLE).verify(changed(signatures=[{"sig": signature, "keyid": keyid}]))
    with pytest.raises(SignatureError, match="keyid"):
        new_verifier(PEOPLE).verify(changed(signatures=[{"sig": signature, "keyid": OWNER.key_fingerprint}]))


def test_the_hint_of_oms_selects_too() -> None:
    bundle = Bundle.build(BUNDLE.envelope, oms_hint_of(PIPELINE.public_key_pem()))
    assert new_verifier(PEOPLE).verify(bundle).functionary == "pipeline"


def test_a_certificate_is_refused_in_so_many_words() -> None:
    document = json.loads(BUNDLE.raw)
    document["verificationMaterial"] = {"certificate": {"rawBytes": "AA=="}, "tlogEntries": []}
    with pytest.raises(SignatureError, match="signed with a certificate"):
        new_verifier(PEOPLE).verify(canonical_json(document))


def test_a_proof_that_nobody_checks_is_refused() -> None:
    with pytest.raises(SignatureError, match="tlogEntries, which this version cannot verify"):
        new_verifier(PEOPLE).verify(changed(tlogEntries=[{"logIndex": "1"}]))


def test_a_functionary_says_only_what_it_may() -> None:
    with pytest.raises(IdentityError, match="owner may not sign this"):
        new_verifier(PEOPLE).verify(OWNER.sign(STATEMENT))
    with pytest.raises(IdentityError, match="verifier may not sign this"):
        new_verifier(PEOPLE).verify(GATE.sign(STATEMENT))


def test_only_the_verifier_role_signs_verdicts() -> None:
    summary = vsa.Vsa("https://x", "2026-01-01T00:00:00Z", "models:/m", "p", "0a" * 32, (), "PASSED", ("X",))
    verdict = Statement.build(STATEMENT.subjects, vsa.PREDICATE_TYPE, summary.to_json())
    assert new_verifier(PEOPLE).verify(GATE.sign(verdict)).functionary == "verifier"
    for signer in (PIPELINE, OWNER):
        with pytest.raises(IdentityError):
            new_verifier(PEOPLE).verify(signer.sign(verdict))


def test_a_key_counts_inside_its_window_alone() -> None:
    start, end = NOW - timedelta(hours=1), NOW + timedelta(hours=1)
    people = {"pipeline": dataclasses.replace(PEOPLE["pipeline"], valid_from=start, valid_until=end)}
    for now in (start, NOW, end - timedelta(microseconds=1)):
        assert new_verifier(people, now=now).verify(BUNDLE)
    for now in (start - timedelta(microseconds=1), end, end + timedelta(days=30)):
        with pytest.raises(IdentityError, match="no trusted timestamps"):
            new_verifier(people, now=now).verify(BUNDLE)


def test_a_second_key_keeps_a_functionary_going() -> None:
    people = {"pipeline": dataclasses.replace(PEOPLE["pipeline"], signers=[PIPELINE, STRANGER])}
    assert new_verifier(people).verify(STRANGER.sign(STATEMENT)).key_fingerprint == STRANGER.key_fingerprint


def test_an_expired_trust_root_verifies_nothing() -> None:
    root = TrustRoot.parse(trust_root_yaml(PEOPLE, expires=NOW + timedelta(hours=1)))
    assert Verifier(root, lambda: NOW).verify(BUNDLE)
    for late in (timedelta(hours=1), timedelta(days=300)):
        with pytest.raises(ConfigurationError, match="expired"):
            Verifier(root, lambda late=late: NOW + late).verify(BUNDLE)  # type: ignore[misc]


def test_the_payload_is_parsed_only_after_its_signature_holds() -> None:
    envelope = Envelope(b"no statement", PAYLOAD_TYPE, "", BUNDLE.envelope.signature)
    with pytest.raises(SignatureError):
        new_verifier(PEOPLE).verify(Bundle.build(envelope, str(BUNDLE.key_hint)))


def test_nobody_else_makes_a_verified_statement() -> None:
    good = new_verifier(PEOPLE).verify(BUNDLE)
    fields = {field.name: getattr(good, field.name) for field in dataclasses.fields(good)}
    with pytest.raises(TypeError, match=r"only Verifier\.verify"):
        VerifiedStatement(**fields)
    with pytest.raises((TypeError, ValueError)):
        dataclasses.replace(good, functionary="owner")
    with pytest.raises(dataclasses.FrozenInstanceError):
        good.functionary = "owner"  # type: ignore[misc]


def test_a_bundle_is_verified_from_its_bytes() -> None:
    """A faulty signer hands over an envelope that verifies, over bytes that do not; the bytes are what is stored."""
    other = STRANGER.sign(STATEMENT)
    with pytest.raises(SignatureError):
        new_verifier(PEOPLE).verify(Bundle(other.raw, BUNDLE.envelope, BUNDLE.key_hint))
    assert new_verifier(PEOPLE).verify(Bundle(BUNDLE.raw, other.envelope, other.key_hint)).bundle == BUNDLE


def test_no_junk_is_ever_verified() -> None:
    for junk in (b"", b"{}", b"null", BUNDLE.raw[:-1], BUNDLE.raw + b"x", BUNDLE.raw * 2):
        with pytest.raises(VerificationError):
            new_verifier(PEOPLE).verify(junk)
