"""Signed YAML documents (trust roots, policies): a content attestation by the root key in `FILE.sigstore.json`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from attestflow.bundle import Bundle
from attestflow.clock import format_time, utc_now
from attestflow.digest import ContentDigest, is_hex_digest
from attestflow.errors import AttestflowError, ConfigurationError, DigestMismatch, MalformedStatement, SignatureError
from attestflow.predicates.reference import FILE_MEDIA_TYPE, PREDICATE_TYPE, Reference
from attestflow.statement import Statement
from attestflow.subject import ResourceDescriptor
from attestflow.verification.ecdsa import PublicKey

if TYPE_CHECKING:
    from attestflow.signing.interface import Signer

# No content attestation of a pipeline has this kind, so none of them ever passes for a signed document.
KIND = "document"


def signature_path(path: Path) -> Path:
    """Where the signature of a document lies: `<path>.sigstore.json`."""
    return path.with_name(path.name + ".sigstore.json")


def sign_document(data: bytes, name: str, signer: Signer, clock: Callable[[], datetime] = utc_now) -> bytes:
    """The bundle that says: the root key vouches for these bytes (in-toto reference v0.1, kind `document`)."""
    digest = {"sha256": hashlib.sha256(data).hexdigest()}
    notes = {"kind": KIND, "createdOn": format_time(clock()), "size": len(data), "files": 1}
    subject = ResourceDescriptor(name=name, digest=digest, annotations=notes)
    reference = Reference(
        (ResourceDescriptor(name=name, digest=digest, media_type=FILE_MEDIA_TYPE, download_location=name),)
    )
    return signer.sign(Statement.build([subject], PREDICATE_TYPE, reference.to_json())).raw


def verify_document(
    data: bytes, bundle: bytes, root_keys: Collection[bytes], fingerprints: Collection[str], what: str
) -> None:
    """Raise unless a pinned root key signed exactly `data`.

    `root_keys` are PEM public keys from anywhere; only those whose fingerprint (SHA-256 of the DER SPKI, hex, with or
    without `sha256:`) is in `fingerprints` count. Raises ConfigurationError when none does, SignatureError,
    MalformedStatement or DigestMismatch, each naming `what`.
    """
    keys = _pinned(root_keys, fingerprints, what)
    try:
        _check(data, bundle, keys)
    except (SignatureError, MalformedStatement, DigestMismatch) as exc:
        raise type(exc)(f"{what}: {exc.message}", hint=exc.hint) from None


def _pinned(root_keys: Collection[bytes], fingerprints: Collection[str], what: str) -> list[PublicKey]:
    pins = {pin.removeprefix("sha256:") for pin in fingerprints}
    if not pins or not all(is_hex_digest(pin) for pin in pins):
        raise ConfigurationError(
            f"{what}: no root key is pinned by its fingerprint", hint="sha256: and 64 lower-case hex digits name a key"
        )
    keys = [PublicKey.load(pem, f"{what}: root key") for pem in root_keys]
    counting = [key for key in keys if key.fingerprint in pins]
    if not counting:
        found = ", ".join(f"sha256:{key.fingerprint}" for key in keys) or "none"
        wanted = ", ".join(f"sha256:{pin}" for pin in sorted(pins))
        raise ConfigurationError(f"{what}: the root keys at hand ({found}) are not the pinned one ({wanted})")
    return counting


def _check(data: bytes, bundle: bytes, keys: list[PublicKey]) -> None:
    parsed = Bundle.parse(bundle)
    errors: list[AttestflowError] = []
    for key in keys:
        try:
            key.check(parsed)
            break
        except SignatureError as exc:
            errors.append(exc)
    else:
        raise errors[0]
    statement = Statement.parse(parsed.envelope.payload)
    subject = statement.subjects[0]
    if statement.predicate_type != PREDICATE_TYPE or subject.annotations.get("kind") != KIND:
        raise SignatureError("the root key signed this for another use, not as a document")
    Reference.parse(statement.predicate)
    signed, found = subject.content(), ContentDigest("file", hashlib.sha256(data).hexdigest())
    if signed != found:
        raise DigestMismatch(
            f"the signature is over {signed}, and the file is {found}",
            hint="after an edit: raise `version`, then `attestflow trust sign` or `attestflow policy sign`",
        )
