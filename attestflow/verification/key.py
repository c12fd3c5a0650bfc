"""Verifying a bundle with one public key and nothing else: no functionary, no window, no scope."""

from __future__ import annotations

from dataclasses import dataclass

from attestflow.bundle import Bundle
from attestflow.digest import ContentDigest
from attestflow.predicates import contents
from attestflow.statement import Statement
from attestflow.verification.ecdsa import PublicKey


@dataclass(frozen=True, slots=True)
class KeySignedStatement:
    """A statement that one key signed. It is no `VerifiedStatement`: nobody said what this key may say."""

    statement: Statement
    key_fingerprint: str
    identity: str
    bundle: Bundle
    contents: tuple[ContentDigest, ...]

    @property
    def functionary(self) -> str:
        """Who signed, as far as it is known: `key:<fingerprint>`."""
        return f"key:{self.key_fingerprint}"


def verify_with_key(bundle: Bundle | bytes, pem: bytes) -> KeySignedStatement:
    """The statement in `bundle`, which the key in `pem` signed; `contents` are the bytes that it speaks about.

    An OMS bundle's contents come from its signed resources; a tree with a file that they do not list has another
    digest, whatever `ignore_paths` says. Raises SignatureError, MalformedStatement, ConfigurationError for the key.
    """
    key = PublicKey.load(pem, "public key")
    parsed = Bundle.parse(bundle.raw if isinstance(bundle, Bundle) else bundle)
    key.check(parsed)
    statement = Statement.parse(parsed.envelope.payload)
    return KeySignedStatement(statement, key.fingerprint, parsed.identity, parsed, contents(statement))


def fingerprint(pem: bytes) -> str:
    """SHA-256 (hex) of a PEM public key's DER SubjectPublicKeyInfo; raises ConfigurationError."""
    return PublicKey.load(pem, "public key").fingerprint
