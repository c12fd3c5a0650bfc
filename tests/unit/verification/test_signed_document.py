"""verification.signed_document: only the pinned root key vouches for a trust root or policy, byte for byte."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from attestflow.errors import ConfigurationError, DigestMismatch, MalformedStatement, SignatureError, VerificationError
from attestflow.predicates.reference import PREDICATE_TYPE, Reference
from attestflow.statement import Statement
from attestflow.subject import measure
from attestflow.testing.trust import NOW, Person, new_signer, new_verifier, trust_root_yaml
from attestflow.verification.signed_document import sign_document, signature_path, verify_document
from attestflow.verification.trust_root import TrustRoot

ROOT, MALLORY = new_signer(), new_signer()
PIN, PEM = ROOT.key_fingerprint, ROOT.public_key_pem()
DATA = trust_root_yaml({"pipeline": Person([new_signer()], [PREDICATE_TYPE])})
BUNDLE = sign_document(DATA, "trust-root.yaml", ROOT, lambda: NOW)


def check(data: bytes = DATA, bundle: bytes = BUNDLE, pem: bytes = PEM, pin: str = PIN) -> None:
    verify_document(data, bundle, [pem], [pin], "trust root trust-root.yaml")


def test_the_roots_signature_holds() -> None:
    check()
    check(pin="sha256:" + PIN)
    verify_document(DATA, BUNDLE, [MALLORY.public_key_pem(), PEM], [PIN], "x")
    verify_document(DATA, BUNDLE, [MALLORY.public_key_pem(), PEM], [PIN, MALLORY.key_fingerprint], "x")
    verify_document(b"", sign_document(b"", "empty.yaml", ROOT), [PEM], [PIN], "x")


def test_flipping_any_byte_of_the_document_is_seen() -> None:
    """Keys and dates of the trust root among them."""
    for position in range(len(DATA)):
        for mask in (0x01, 0x20, 0xFF):
            damaged = DATA[:position] + bytes([DATA[position] ^ mask]) + DATA[position + 1 :]
            with pytest.raises(DigestMismatch, match="trust root trust-root"):
                check(damaged)


def test_flipping_any_byte_of_its_signature_is_seen() -> None:
    for position in range(len(BUNDLE)):
        for mask in (0x01, 0x20, 0xFF):
            damaged = BUNDLE[:position] + bytes([BUNDLE[position] ^ mask]) + BUNDLE[position + 1 :]
            with pytest.raises((SignatureError, MalformedStatement), match="trust root trust-root"):
                check(bundle=damaged)


def test_a_longer_life_for_a_key_is_seen() -> None:
    """The attack: whoever may write the file moves a key's end of life."""
    end = TrustRoot.parse(DATA).functionaries["pipeline"].keys[0].valid_until
    later = DATA.replace(end.strftime("%Y-%m-%d").encode(), (end + timedelta(days=3650)).strftime("%Y-%m-%d").encode())
    assert TrustRoot.parse(later).functionaries["pipeline"].keys[0].valid_until > end
    with pytest.raises(DigestMismatch, match="trust sign"):
        check(later)


def test_another_key_beside_the_file_does_not_count() -> None:
    """The attack: the file, its signature and the public key beside it are all replaced; the pin is not."""
    forged = DATA.replace(b"version: 1", b"version: 2")
    bundle = sign_document(forged, "trust-root.yaml", MALLORY)
    with pytest.raises(ConfigurationError, match="not the pinned one"):
        check(forged, bundle, MALLORY.public_key_pem())
    with pytest.raises(SignatureError, match="another key"):
        check(forged, bundle)
    verify_document(forged, bundle, [MALLORY.public_key_pem()], [MALLORY.key_fingerprint], "x")


def test_a_signature_of_another_document_does_not_count() -> None:
    with pytest.raises(DigestMismatch):
        check(bundle=sign_document(b"name: policy", "production.yaml", ROOT))


def test_a_content_attestation_by_the_same_key_is_no_signed_document(tmp_path: Path) -> None:
    """The attack: have the root's holder attest a data set that happens to be a trust root."""
    (tmp_path / "data.yaml").write_bytes(DATA)
    measured = measure(tmp_path / "data.yaml")
    statement = Statement.build([measured.descriptor(kind="dataset")], PREDICATE_TYPE, Reference.of(measured).to_json())
    with pytest.raises(SignatureError, match="for another use"):
        check(bundle=ROOT.sign(statement).raw)


def test_the_same_subject_under_another_predicate_type_is_no_signed_document() -> None:
    signed = Statement.parse(new_verifier({"r": Person([ROOT], [PREDICATE_TYPE])}).verify(BUNDLE).statement.payload)
    other = Statement.build(signed.subjects, "https://example.org/v1", signed.predicate)
    with pytest.raises(SignatureError, match="for another use"):
        check(bundle=ROOT.sign(other).raw)


@pytest.mark.parametrize("pins", [[], [""], ["sha256:"], ["abc"], [PIN.upper()], [PIN, "junk"], [PIN + "\n"]])
def test_without_a_whole_pin_nothing_is_verified(pins: list[str]) -> None:
    with pytest.raises(ConfigurationError, match="pinned"):
        verify_document(DATA, BUNDLE, [PEM], pins, "x")


def test_without_a_key_nothing_is_verified() -> None:
    with pytest.raises(ConfigurationError, match="none"):
        verify_document(DATA, BUNDLE, [], [PIN], "x")
    with pytest.raises(ConfigurationError, match="root key"):
        verify_document(DATA, BUNDLE, [b"junk"], [PIN], "x")


@pytest.mark.parametrize("bundle", [b"", b"{}", DATA, BUNDLE[:-1], b" " * 100_000_000])
def test_junk_is_no_signature(bundle: bytes) -> None:
    with pytest.raises(VerificationError, match="trust root"):
        check(bundle=bundle)


def test_the_signature_lies_beside_the_file() -> None:
    assert signature_path(Path("policies/production.yaml")) == Path("policies/production.yaml.sigstore.json")
