"""Sigstore bundles v0.3 that hold one DSSE envelope: bytes in, the same bytes kept."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

from attestflow.documents import canonical_json, parse_json, shown
from attestflow.dsse import Envelope
from attestflow.errors import MalformedStatement

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
MAX_BUNDLE_BYTES = 32 * 1024 * 1024
MAX_HINT = 512

_KEYS = frozenset({"publicKey", "certificate", "x509CertificateChain"})


@dataclass(frozen=True, slots=True)
class Bundle:
    """A Sigstore bundle (sigstore protobuf-specs, `sigstore_bundle.proto`, JSON form).

    `raw` are the bytes it was read from. `key_hint` says which key may have signed and proves nothing; None means that
    it carries a certificate instead. `proofs` names the log and time proofs in it, which the key verifier cannot check.
    """

    raw: bytes
    envelope: Envelope
    key_hint: str | None
    proofs: tuple[str, ...] = ()

    @classmethod
    def parse(cls, raw: bytes) -> Bundle:
        """Read a bundle v0.3; raises MalformedStatement with the place for anything unknown, missing or too large."""
        document = _mapping(parse_json(raw, "bundle", max_bytes=MAX_BUNDLE_BYTES), "bundle")
        if "messageSignature" in document:
            raise MalformedStatement("bundle: signs a message digest and holds no attestation")
        _only(document, {"mediaType", "verificationMaterial", "dsseEnvelope"}, set(), "bundle")
        if document["mediaType"] != MEDIA_TYPE:
            raise MalformedStatement(f"bundle.mediaType: {shown(document['mediaType'], 80)}, not {MEDIA_TYPE}")
        hint, proofs = _material(document["verificationMaterial"])
        return cls(raw, Envelope.from_json(document["dsseEnvelope"], "bundle.dsseEnvelope"), hint, proofs)

    @classmethod
    def build(cls, envelope: Envelope, key_hint: str) -> Bundle:
        """The bundle of a key-signed envelope, serialised here once; its bytes are read again before it is returned."""
        document = {
            "mediaType": MEDIA_TYPE,
            "verificationMaterial": {"publicKey": {"hint": key_hint}, "tlogEntries": []},
            "dsseEnvelope": envelope.to_json(),
        }
        return cls.parse(canonical_json(document))

    @property
    def identity(self) -> str:
        """SHA-256 (hex) of the PAE: the same whatever the envelope is wrapped in or signed by."""
        return hashlib.sha256(self.envelope.pae()).hexdigest()


def hint_of(spki: bytes) -> str:
    """The hint of a public key (DER SubjectPublicKeyInfo) in our bundles: base64 of its SHA-256, as cosign writes it."""
    return base64.b64encode(hashlib.sha256(spki).digest()).decode("ascii")


def oms_hint_of(pem: bytes) -> str:
    """The hint of a public key (its PEM, ending in a line feed) in OMS bundles: SHA-256, hex."""
    return hashlib.sha256(pem).hexdigest()


def _material(value: object) -> tuple[str | None, tuple[str, ...]]:
    where = "bundle.verificationMaterial"
    material = _mapping(value, where)
    _only(material, set(), {*_KEYS, "tlogEntries", "timestampVerificationData"}, where)
    if len(material.keys() & _KEYS) != 1:
        raise MalformedStatement(f"{where}: not exactly one of publicKey, certificate and x509CertificateChain")
    proofs = _proofs(material, where)
    if "publicKey" not in material:
        name = next(iter(material.keys() & _KEYS))
        _mapping(material[name], f"{where}.{name}")
        return None, proofs
    key = _mapping(material["publicKey"], f"{where}.publicKey")
    _only(key, {"hint"}, set(), f"{where}.publicKey")
    hint = key["hint"]
    if not isinstance(hint, str) or not 0 < len(hint) <= MAX_HINT:
        raise MalformedStatement(f"{where}.publicKey.hint: no text of 1 to {MAX_HINT} characters")
    return hint, proofs


def _proofs(material: dict[str, Any], where: str) -> tuple[str, ...]:
    entries = material.get("tlogEntries", [])
    if not isinstance(entries, list):
        raise MalformedStatement(f"{where}.tlogEntries: not a list")
    at = f"{where}.timestampVerificationData"
    times = _mapping(material.get("timestampVerificationData", {}), at)
    _only(times, set(), {"rfc3161Timestamps"}, at)
    stamps = times.get("rfc3161Timestamps", [])
    if not isinstance(stamps, list):
        raise MalformedStatement(f"{at}.rfc3161Timestamps: not a list")
    return tuple(name for name, found in (("tlogEntries", entries), ("rfc3161Timestamps", stamps)) if found)


def _mapping(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MalformedStatement(f"{where}: not an object")
    return value


def _only(value: dict[str, Any], required: set[str], optional: set[str], where: str) -> None:
    missing, unknown = required - value.keys(), value.keys() - required - optional
    if missing or unknown:
        odd = ", ".join(shown(name, 40) for name in sorted(missing or unknown)[:5])
        raise MalformedStatement(f"{where}: {'missing' if missing else 'unknown'} field {odd}")
