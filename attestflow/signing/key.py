"""Signing with an ECDSA P-256 key in a PEM file, encrypted or not."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from attestflow.bundle import Bundle, hint_of, oms_hint_of
from attestflow.digest import ContentDigest, Listing
from attestflow.documents import shown
from attestflow.dsse import PAYLOAD_TYPE, Envelope, pae
from attestflow.errors import ConfigurationError, SignatureError
from attestflow.predicates import oms
from attestflow.signing.keyfile import public_path, read_private, write_new
from attestflow.signing.pkcs8 import encrypted_pem
from attestflow.statement import Statement

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey


class KeySigner:
    """Signs with a private key that it holds in memory: ECDSA, P-256, SHA-256, DER (FIPS 186-5, RFC 3279)."""

    def __init__(self, key: EllipticCurvePrivateKey) -> None:
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        self._key = key
        public = key.public_key()
        self._spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self._pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.key_fingerprint = hashlib.sha256(self._spki).hexdigest()

    def __repr__(self) -> str:
        return f"KeySigner(sha256:{self.key_fingerprint})"

    @classmethod
    def in_memory(cls) -> KeySigner:
        """A signer whose new key is in no file: for tests and rehearsals."""
        from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

        return cls(generate_private_key(SECP256R1()))

    @classmethod
    def load(cls, path: Path, passphrase: bytes | None = None) -> KeySigner:
        """The signer of a key file.

        Raises ConfigurationError for a file that is missing, is another user's or can be read by others, a passphrase
        that is missing, wrong or not needed, and any key but ECDSA P-256.
        """
        return cls.from_pem(read_private(path), passphrase, f"key {shown(path)}")

    @classmethod
    def from_pem(cls, pem: bytes, passphrase: bytes | None = None, what: str = "key") -> KeySigner:
        """The signer of a PEM private key (PKCS #8 or SEC 1); raises ConfigurationError as `load` does."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        encrypted = b"ENCRYPTED" in pem
        if encrypted and not passphrase:
            raise ConfigurationError(
                f"{what} is encrypted and no passphrase was given",
                hint="give it with --passphrase-fd or on the terminal",
            )
        if passphrase is not None and not encrypted:
            raise ConfigurationError(
                f"{what} is not encrypted, but a passphrase was given for it",
                hint="is this the key that you meant? If so, give no passphrase",
            )
        try:
            key = load_pem_private_key(pem, passphrase)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            problem = (
                "the passphrase is wrong, or this is no private key" if encrypted else "this is no PEM private key"
            )
            raise ConfigurationError(f"{what} cannot be read: {problem}") from None
        if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
            raise ConfigurationError(
                f"{what} is no ECDSA P-256 key", hint="`attestflow init` makes keys of the right kind"
            )
        return cls(key)

    def public_key_pem(self) -> bytes:
        """The public key as PEM (SubjectPublicKeyInfo)."""
        return self._pem

    def sign(self, statement: Statement) -> Bundle:
        """The statement in a bundle, which was read and verified again; raises SignatureError when that fails."""
        return self._bundle(statement, hint_of(self._spki))

    def sign_oms(self, content: Listing | ContentDigest, name: str) -> bytes:
        """An OMS v1 bundle over a tree's listing or one file's digest, for a model called `name`.

        `model_signing verify key` takes it, with `--no-ignore-git-paths` where the tree holds git's own files.
        """
        return self._bundle(oms.build(content, name), oms_hint_of(self._pem)).raw

    def _bundle(self, statement: Statement, hint: str) -> Bundle:
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
        from cryptography.hazmat.primitives.hashes import SHA256

        if Statement.parse(statement.payload) != statement:
            raise SignatureError("the statement is not what its own bytes say; nothing was signed")
        signature = self._key.sign(pae(PAYLOAD_TYPE, statement.payload), ECDSA(SHA256()))
        bundle = Bundle.build(Envelope(statement.payload, PAYLOAD_TYPE, "", signature), hint)
        self._check(bundle, statement)
        return bundle

    def _check(self, bundle: Bundle, statement: Statement) -> None:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
        from cryptography.hazmat.primitives.hashes import SHA256

        again = Bundle.parse(bundle.raw)
        try:
            self._key.public_key().verify(again.envelope.signature, again.envelope.pae(), ECDSA(SHA256()))
        except InvalidSignature:
            raise SignatureError(
                f"the signature just made with key sha256:{self.key_fingerprint} does not verify"
            ) from None
        if again.envelope.payload != statement.payload:
            raise SignatureError("the bundle just made holds other bytes than the statement")


def is_encrypted(path: Path) -> bool:
    """Whether a key file needs a passphrase; raises ConfigurationError as `KeySigner.load` does for the file."""
    return b"ENCRYPTED" in read_private(path)


def generate_key(path: Path, passphrase: bytes | None = None) -> KeySigner:
    """Make a P-256 key: PKCS #8 PEM in a new file with mode 0600 and the public key in `<path>.pub`.

    Raises ConfigurationError when either file exists (nothing is ever overwritten) or the passphrase is empty.
    """
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    if passphrase is not None and not passphrase:
        raise ConfigurationError("an empty passphrase protects nothing", hint="give one, or none at all")
    key = generate_private_key(SECP256R1())
    signer = KeySigner(key)
    public = public_path(path)
    if public.exists():
        raise ConfigurationError(f"{shown(public)} exists; keys are never overwritten")
    if passphrase is None:
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    else:
        private = encrypted_pem(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()), passphrase)
    write_new(path, private, 0o600)
    write_new(public, signer.public_key_pem(), 0o644)
    return signer
