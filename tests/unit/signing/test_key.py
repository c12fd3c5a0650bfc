"""signing.key: P-256 keys in files, bundles that were verified before they are handed out."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from attestflow.bundle import Bundle
from attestflow.errors import ConfigurationError, MalformedStatement, SignatureError
from attestflow.signing.key import KeySigner, generate_key, is_encrypted
from attestflow.statement import Statement
from attestflow.subject import ResourceDescriptor
from attestflow.testing.trust import new_signer
from attestflow.verification.key import fingerprint, verify_with_key

STATEMENT = Statement.build(
    [ResourceDescriptor(name="m", digest={"sha256": "0a" * 32})], "https://example.org/v1", {"n": 1}
)


def private_pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_a_signed_statement_verifies_and_is_the_same_bytes() -> None:
    signer = new_signer()
    bundle = signer.sign(STATEMENT)
    assert bundle == Bundle.parse(bundle.raw)
    assert bundle.envelope.payload == STATEMENT.payload
    verified = verify_with_key(bundle.raw, signer.public_key_pem())
    assert (verified.statement, verified.identity) == (STATEMENT, bundle.identity)
    assert verified.functionary == f"key:{signer.key_fingerprint}"
    assert fingerprint(signer.public_key_pem()) == signer.key_fingerprint


def test_identity_does_not_depend_on_who_signed() -> None:
    first, second = new_signer().sign(STATEMENT), new_signer().sign(STATEMENT)
    assert first.identity == second.identity
    assert first.raw != second.raw


@pytest.mark.parametrize("passphrase", [None, b"correct horse", "pässwörd".encode()])
def test_a_generated_key_is_private_and_can_be_loaded(tmp_path: Path, passphrase: bytes | None) -> None:
    path = tmp_path / "owner.key"
    made = generate_key(path, passphrase)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert is_encrypted(path) == (passphrase is not None)
    assert KeySigner.load(path, passphrase).key_fingerprint == made.key_fingerprint
    assert (tmp_path / "owner.key.pub").read_bytes() == made.public_key_pem()
    verify_with_key(KeySigner.load(path, passphrase).sign(STATEMENT), made.public_key_pem())


@pytest.mark.parametrize("taken", ["k", "k.pub"])
def test_no_key_is_ever_overwritten(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).write_bytes(b"precious")
    with pytest.raises(ConfigurationError, match="never overwritten"):
        generate_key(tmp_path / "k")
    assert (tmp_path / taken).read_bytes() == b"precious"
    assert [path.name for path in tmp_path.iterdir()] == [taken]


def test_a_link_in_the_place_of_a_new_key_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "k").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError):
        generate_key(tmp_path / "k")
    assert not (tmp_path / "elsewhere").exists()


def test_an_empty_passphrase_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="protects nothing"):
        generate_key(tmp_path / "k", b"")
    assert not list(tmp_path.iterdir())


def test_passphrases_that_do_not_fit_say_why(tmp_path: Path) -> None:
    generate_key(tmp_path / "encrypted", b"right")
    generate_key(tmp_path / "plain")
    with pytest.raises(ConfigurationError, match="passphrase is wrong"):
        KeySigner.load(tmp_path / "encrypted", b"wrong")
    for nothing in (None, b""):
        with pytest.raises(ConfigurationError, match="encrypted and no passphrase"):
            KeySigner.load(tmp_path / "encrypted", nothing)
    with pytest.raises(ConfigurationError, match="not encrypted"):
        KeySigner.load(tmp_path / "plain", b"right")


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o602, 0o620, 0o644, 0o777, 0o601])
def test_a_key_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "k"
    generate_key(path)
    KeySigner.load(path)
    path.chmod(mode)
    with pytest.raises(ConfigurationError, match="others can use it") as caught:
        KeySigner.load(path)
    assert caught.value.hint is not None
    assert "chmod 600" in caught.value.hint


@pytest.mark.parametrize(
    "pem",
    [
        private_pem(ec.generate_private_key(ec.SECP384R1())),
        private_pem(ec.generate_private_key(ec.SECP256K1())),
        private_pem(ed25519.Ed25519PrivateKey.generate()),
        private_pem(rsa.generate_private_key(65537, 2048)),
    ],
    ids=["P-384", "secp256k1", "Ed25519", "RSA"],
)
def test_other_keys_are_refused(pem: bytes) -> None:
    with pytest.raises(ConfigurationError, match="no ECDSA P-256 key"):
        KeySigner.from_pem(pem)


@pytest.mark.parametrize(
    "pem", [b"", b"junk", b"\xff" * 100, new_signer().public_key_pem(), b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n"]
)
def test_what_is_no_private_key_is_refused(pem: bytes) -> None:
    with pytest.raises(ConfigurationError):
        KeySigner.from_pem(pem)
    with pytest.raises(ConfigurationError):
        KeySigner.from_pem(pem, b"passphrase")


def test_a_key_that_openssl_made_can_be_used(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    sec1 = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    assert KeySigner.from_pem(sec1).key_fingerprint == KeySigner.from_pem(private_pem(key)).key_fingerprint


def test_a_statement_that_its_bytes_do_not_say_is_not_signed() -> None:
    """What a reviewer was shown and what is signed must be one thing."""
    forged = Statement(STATEMENT.payload, STATEMENT.subjects, STATEMENT.predicate_type, {"n": 2})
    with pytest.raises(SignatureError, match="nothing was signed"):
        new_signer().sign(forged)
    with pytest.raises(MalformedStatement):
        new_signer().sign(Statement(b"{}", STATEMENT.subjects, STATEMENT.predicate_type, STATEMENT.predicate))


def test_a_signature_that_came_out_wrong_is_noticed() -> None:
    """A faulty signing device: the private key of one pair behind the public key of another."""
    signer, other = new_signer(), new_signer()

    class Faulty:
        def sign(self, data: bytes, algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
            return other._key.sign(data, algorithm)

        def public_key(self) -> ec.EllipticCurvePublicKey:
            return signer._key.public_key()

    signer_with_fault = new_signer()
    signer_with_fault._key = Faulty()  # type: ignore[assignment]
    with pytest.raises(SignatureError, match="does not verify"):
        signer_with_fault.sign(STATEMENT)


def test_a_signer_shows_no_secret() -> None:
    signer = new_signer()
    assert repr(signer) == f"KeySigner(sha256:{signer.key_fingerprint})"
