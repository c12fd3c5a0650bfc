"""verification.key: one public key, any bundle, OMS bundles too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attestflow.bundle import Bundle
from attestflow.documents import canonical_json
from attestflow.errors import ConfigurationError, MalformedStatement, SignatureError
from attestflow.predicates import oms
from attestflow.statement import Statement
from attestflow.subject import ResourceDescriptor, measure
from attestflow.testing.trust import new_signer
from attestflow.verification.key import KeySignedStatement, fingerprint, verify_with_key
from attestflow.verification.verifier import VerifiedStatement

SIGNER, OTHER = new_signer(), new_signer()
PEM = SIGNER.public_key_pem()
STATEMENT = Statement.build([ResourceDescriptor(name="m", digest={"sha256": "0a" * 32})], "https://example.org/v1", {})


def test_the_right_key_verifies_and_the_wrong_one_does_not() -> None:
    bundle = SIGNER.sign(STATEMENT)
    verified = verify_with_key(bundle, PEM)
    assert isinstance(verified, KeySignedStatement)
    assert verified.contents == STATEMENT.contents()
    with pytest.raises(SignatureError, match="another key"):
        verify_with_key(bundle, OTHER.public_key_pem())
    with pytest.raises(SignatureError, match="not one by key"):
        verify_with_key(Bundle.build(OTHER.sign(STATEMENT).envelope, str(bundle.key_hint)), PEM)


def test_it_is_no_verified_statement() -> None:
    assert not isinstance(verify_with_key(SIGNER.sign(STATEMENT), PEM), VerifiedStatement)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "model.pkl").write_bytes(b"weights")
    (folder / "sub" / "notes.txt").write_bytes(b"notes")
    return folder


def test_an_oms_bundle_speaks_about_the_files_that_it_lists(model: Path) -> None:
    measured = measure(model)
    assert measured.listing is not None
    raw = SIGNER.sign_oms(measured.listing, "model")
    assert verify_with_key(raw, PEM).contents == (measured.content,)
    one = measure(model / "model.pkl")
    assert verify_with_key(SIGNER.sign_oms(one.content, "model.pkl"), PEM).contents == (one.content,)


def test_a_file_that_an_oms_bundle_does_not_list_is_seen(model: Path) -> None:
    """`ignore_paths` is signed by the publisher; it must not let a file in that nobody signed."""
    measured = measure(model)
    assert measured.listing is not None
    plain = oms.build(measured.listing, "model")
    predicate = {
        **plain.predicate,
        "serialization": {**plain.predicate["serialization"], "ignore_paths": [".git", "evil.pkl"]},
    }
    signed = SIGNER.sign(Statement.build(plain.subjects, oms.PREDICATE_TYPE, predicate))
    assert verify_with_key(signed, PEM).contents == (measure(model).content,)
    for name in ("evil.pkl", ".gitattributes"):
        (model / name).write_bytes(b"unsigned")
        assert verify_with_key(signed, PEM).contents != (measure(model).content,)
        (model / name).unlink()


def test_an_oms_bundle_whose_root_lies_is_refused(model: Path) -> None:
    measured = measure(model)
    assert measured.listing is not None
    plain = oms.build(measured.listing, "model")
    lying = Statement.build(
        [ResourceDescriptor(name="m", digest={"sha256": "0a" * 32})], oms.PREDICATE_TYPE, plain.predicate
    )
    with pytest.raises(MalformedStatement, match="not the one of the resources"):
        verify_with_key(SIGNER.sign(lying), PEM)


P384 = (
    ec.generate_private_key(ec.SECP384R1()).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
)


@pytest.mark.parametrize(
    "pem", [b"", b"junk", b"\x00" * 20_000, P384, PEM + PEM, b"# mine\n" + PEM, PEM.replace(b"PUBLIC", b"PRIVATE")]
)
def test_what_is_not_plainly_one_p256_public_key_is_refused(pem: bytes) -> None:
    with pytest.raises(ConfigurationError, match="public key"):
        verify_with_key(SIGNER.sign(STATEMENT), pem)
    with pytest.raises(ConfigurationError):
        fingerprint(pem)


def test_line_ends_of_windows_are_the_same_key() -> None:
    assert fingerprint(PEM.replace(b"\n", b"\r\n")) == fingerprint(PEM) == SIGNER.key_fingerprint


def test_flipping_any_byte_of_a_bundle_ends_in_an_error() -> None:
    """Every byte, every bit, and a few other values: nothing in a bundle is left unbound."""
    raw = SIGNER.sign(STATEMENT).raw
    assert verify_with_key(raw, PEM)
    survivors = []
    for position, byte in enumerate(raw):
        for value in {byte ^ (1 << bit) for bit in range(8)} | {byte ^ 0xFF, 0x00, 0x20, 0x22, 0x41} - {byte}:
            try:
                verify_with_key(raw[:position] + bytes([value]) + raw[position + 1 :], PEM)
            except (SignatureError, MalformedStatement):
                continue
            survivors.append((position, byte, value))
    assert survivors == []


def test_dropping_or_doubling_any_byte_of_a_bundle_ends_in_an_error() -> None:
    raw = SIGNER.sign(STATEMENT).raw
    for position in range(len(raw)):
        for damaged in (
            raw[:position] + raw[position + 1 :],
            raw[:position] + raw[position : position + 1] + raw[position:],
        ):
            with pytest.raises((SignatureError, MalformedStatement)):
                verify_with_key(damaged, PEM)


def test_the_same_values_written_otherwise_are_the_same_attestation() -> None:
    bundle = SIGNER.sign(STATEMENT)
    spaced = json.dumps(json.loads(bundle.raw), indent=1).encode()
    assert verify_with_key(spaced, PEM).identity == bundle.identity
    assert verify_with_key(canonical_json(json.loads(spaced)), PEM).identity == bundle.identity
