"""ECDSA public keys, and whether one made a bundle's signature."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from attestflow.bundle import Bundle, hint_of, oms_hint_of
from attestflow.errors import ConfigurationError, SignatureError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

ALGORITHM = "ecdsa-p256-sha256"
MAX_PEM = 16 * 1024


@dataclass(frozen=True, slots=True, eq=False)
class PublicKey:
    """An ECDSA P-256 public key. `fingerprint` is SHA-256 (hex) of its DER SubjectPublicKeyInfo, `pem` its one PEM."""

    fingerprint: str
    pem: bytes
    hints: tuple[str, ...]
    _key: EllipticCurvePublicKey

    @classmethod
    def load(cls, pem: bytes, what: str) -> PublicKey:
        """The key in a PEM SubjectPublicKeyInfo (RFC 7468, section 13) that holds nothing else.

        Raises ConfigurationError naming `what` for anything else, a private key or another curve too.
        """
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

        if b"PRIVATE KEY" in pem:
            raise ConfigurationError(f"{what}: this is a private key; the public one was asked for")
        try:
            if len(pem) > MAX_PEM:
                raise ValueError
            key = load_pem_public_key(pem)
        except (ValueError, UnsupportedAlgorithm):
            raise ConfigurationError(f"{what}: no PEM public key") from None
        if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
            raise ConfigurationError(f"{what}: no ECDSA P-256 key")
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        canonical = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        # What is shown, hinted at and pinned is the key; a file that says more than the key could mislead.
        if pem.replace(b"\r\n", b"\n").strip() != canonical.strip():
            raise ConfigurationError(f"{what}: more than one plain PEM block of a P-256 public key")
        hints = (hint_of(spki), oms_hint_of(canonical))
        return cls(hashlib.sha256(spki).hexdigest(), canonical, hints, key)

    def check(self, bundle: Bundle) -> None:
        """Raise SignatureError unless this key signed the bundle's envelope (ECDSA, SHA-256, DER, over the DSSE PAE).

        The unsigned rest must fit too: the hint and key id name this key or nothing, and there is no proof that is not
        checked here. Nothing in a bundle that verifies is left to be believed.
        """
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
        from cryptography.hazmat.primitives.hashes import SHA256

        check_material(bundle)
        if bundle.key_hint not in self.hints:
            raise SignatureError(f"the bundle's hint names another key than sha256:{self.fingerprint}")
        if bundle.envelope.keyid not in ("", self.fingerprint, *self.hints):
            raise SignatureError(f"the envelope's keyid names another key than sha256:{self.fingerprint}")
        try:
            self._key.verify(bundle.envelope.signature, bundle.envelope.pae(), ECDSA(SHA256()))
        except InvalidSignature:
            raise SignatureError(
                f"the signature is not one by key sha256:{self.fingerprint} over these bytes"
            ) from None


def check_material(bundle: Bundle) -> None:
    """Raise SignatureError for a bundle with verification material that the key verifier does not read."""
    if bundle.key_hint is None:
        raise SignatureError(
            "the bundle is signed with a certificate; this version verifies signatures by keys alone",
            hint="sign with a key of a functionary in the trust root",
        )
    if bundle.proofs:
        raise SignatureError(f"the bundle holds {' and '.join(bundle.proofs)}, which this version cannot verify")
