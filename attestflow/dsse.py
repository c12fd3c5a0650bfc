"""DSSE v1 envelopes (secure-systems-lab/dsse, protocol.md and envelope.md) with one in-toto payload and one signature."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from attestflow.documents import shown
from attestflow.errors import MalformedStatement

PAYLOAD_TYPE = "application/vnd.in-toto+json"

MAX_SIGNATURE_BYTES = 512
MAX_KEYID = 512


def pae(payload_type: str, payload: bytes) -> bytes:
    """The pre-authentication encoding, which is what a DSSE signature signs (protocol.md, "Signature Definition")."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


@dataclass(frozen=True, slots=True)
class Envelope:
    """One payload, its type and the one signature over both; `keyid` is an unsigned hint, often empty."""

    payload: bytes
    payload_type: str
    keyid: str
    signature: bytes

    @classmethod
    def from_json(cls, value: object, where: str) -> Envelope:
        """Read a DSSE envelope (envelope.md) from JSON already parsed.

        Raises MalformedStatement with the place for unknown or missing fields, base64 that is not canonical standard
        base64, another payload type than in-toto's, no signature or more than one.
        """
        fields = _object(value, where, required={"payload", "payloadType", "signatures"})
        if fields["payloadType"] != PAYLOAD_TYPE:
            raise MalformedStatement(f"{where}.payloadType: {shown(fields['payloadType'], 80)}, not {PAYLOAD_TYPE}")
        signatures = fields["signatures"]
        if not isinstance(signatures, list) or len(signatures) != 1:
            count = len(signatures) if isinstance(signatures, list) else "no list of"
            raise MalformedStatement(f"{where}.signatures: {count} signatures, exactly one is read")
        at = f"{where}.signatures[0]"
        entry = _object(signatures[0], at, required={"sig"}, optional={"keyid"})
        keyid = entry.get("keyid", "")
        if not isinstance(keyid, str) or len(keyid) > MAX_KEYID:
            raise MalformedStatement(f"{at}.keyid: no text of at most {MAX_KEYID} characters")
        signature = decode_base64(entry["sig"], f"{at}.sig")
        if not 0 < len(signature) <= MAX_SIGNATURE_BYTES:
            raise MalformedStatement(f"{at}.sig: {len(signature)} bytes are no signature")
        return cls(decode_base64(fields["payload"], f"{where}.payload"), PAYLOAD_TYPE, keyid, signature)

    def to_json(self) -> dict[str, Any]:
        """The envelope as JSON values, base64 standard and padded."""
        return {
            "payload": base64.b64encode(self.payload).decode("ascii"),
            "payloadType": self.payload_type,
            "signatures": [{"keyid": self.keyid, "sig": base64.b64encode(self.signature).decode("ascii")}],
        }

    def pae(self) -> bytes:
        """What the signature signs."""
        return pae(self.payload_type, self.payload)


def decode_base64(value: object, where: str) -> bytes:
    """The bytes of canonical base64 (RFC 4648, section 4: standard alphabet, padded, unused bits zero, no line breaks).

    One byte string has one such text, so no text but the signer's stands for what was signed. Raises
    MalformedStatement naming `where`.
    """
    if not isinstance(value, str):
        raise MalformedStatement(f"{where}: no base64 text")
    try:
        encoded = value.encode("ascii")
        decoded = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedStatement(f"{where}: not base64") from None
    if base64.b64encode(decoded) != encoded:
        raise MalformedStatement(f"{where}: base64 that is not canonical")
    return decoded


def _object(
    value: object, where: str, *, required: set[str], optional: frozenset[str] | set[str] = frozenset()
) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MalformedStatement(f"{where}: not an object")
    missing, unknown = required - value.keys(), value.keys() - required - optional
    if missing or unknown:
        odd = ", ".join(shown(name, 40) for name in sorted(missing or unknown)[:5])
        raise MalformedStatement(f"{where}: {'missing' if missing else 'unknown'} field {odd}")
    return value
