"""What every signer offers."""

from __future__ import annotations

from typing import Protocol

from attestflow.bundle import Bundle
from attestflow.statement import Statement


class Signer(Protocol):
    """Makes bundles out of statements with one key."""

    @property
    def key_fingerprint(self) -> str:
        """SHA-256 (hex) of the public key (DER SubjectPublicKeyInfo)."""

    def sign(self, statement: Statement) -> Bundle:
        """The statement's bytes, signed once and verified again.

        Raises ConfigurationError when the key cannot be used, SignatureError when what came back does not verify.
        """
