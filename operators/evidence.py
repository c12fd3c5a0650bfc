"""Measuring what a task reads and writes, and attesting it once however often the task is tried."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from attestflow.documents import shown
from attestflow.errors import ConfigurationError, DigestMismatch, VerificationError
from attestflow.operators.reference import Attested

if TYPE_CHECKING:
    from attestflow.attest import Attester
    from attestflow.subject import Measurement
    from attestflow.verification.verifier import VerifiedStatement

STAMPS = frozenset({"createdOn", "signer"})  # what Attester writes on each subject
SubjectKind = Literal["dataset", "model"]


def measure_reference(reference: Attested) -> Measurement:
    """Read the bytes that a reference points to, under its name and selection. Raises SubjectError, ConfigurationError."""
    from attestflow.subject import measure

    with bytes_of(reference.uri) as path:
        return measure(path, name=reference.name, include=reference.include)


@contextmanager
def bytes_of(uri: str) -> Iterator[Path]:
    """The local path behind a path, `file://…`, `models:/…` or `runs:/…`; what was fetched is removed at the end."""
    from attestflow.operators.reference import local_path

    if not uri.startswith(("models:/", "runs:/")):
        yield local_path(uri)
        return
    from attestflow.integrations.mlflow.resolve import fetch

    with tempfile.TemporaryDirectory(prefix="attestflow-") as folder:
        yield fetch(uri, Path(folder))


def attest_content_once(attester: Attester, measured: Measurement, kind: SubjectKind) -> str:
    """Attest which bytes this is, unless this very key said the same before; the attestation's identity.

    A retry, or a second run over the same data, so finds its own attestation and adds nothing.
    """
    from attestflow.predicates import reference

    for listing in (measured.listing, measured.blake3_listing):
        if listing is not None:
            attester.store.put_listing(listing)
    subject = measured.descriptor(kind=kind)
    predicate = reference.Reference.of(measured).to_json()
    for verified in verified_statements(attester, measured, reference.PREDICATE_TYPE):
        said = verified.statement.subjects[0]
        stated = {key: value for key, value in said.annotations.items() if key not in STAMPS}
        if (
            verified.key_fingerprint == attester.signer.key_fingerprint
            and (said.name, said.media_type, stated) == (subject.name, subject.media_type, dict(subject.annotations))
            and verified.statement.predicate == predicate
        ):
            return verified.identity
    return attester.attest_content(measured, kind=kind).identity


def is_attested(attester: Attester, measured: Measurement) -> bool:
    """Whether a functionary of the trust root attested these bytes before."""
    from attestflow.predicates.reference import PREDICATE_TYPE

    return bool(verified_statements(attester, measured, PREDICATE_TYPE))


def verified_statements(attester: Attester, measured: Measurement, predicate_type: str) -> list[VerifiedStatement]:
    """What the store holds about these bytes and the trust root accepts; empty where the attester has no trust root."""
    if attester.verifier is None:
        return []
    found = []
    for stored in attester.store.attestations(measured.content, predicate_type):
        try:
            found.append(attester.verifier.verify(stored.raw))
        except VerificationError:
            continue  # counts as absent; the gate lists it as rejected
    return [each for each in found if measured.content in each.statement.contents()]


def require_same(attester: Attester, reference: Attested, measured: Measurement, when: str) -> None:
    """Raise DigestMismatch where the bytes are not those of the reference; the message names the files that differ."""
    if measured.content == reference.digest:
        return
    raise DigestMismatch(
        f"{shown(reference.name)} is not what was attested {when}: expected {reference.digest}, found {measured.content}"
        + "".join(f"\n  {line}" for line in changed_files(attester, reference, measured)),
        hint="somebody changed it since; find out who, or attest the new data and run again",
    )


def changed_files(attester: Attester, reference: Attested, measured: Measurement, limit: int = 5) -> Sequence[str]:
    """Lines that say which files differ, with both digests; empty where the store lacks the attested listing."""
    from attestflow.digest import compare

    if reference.digest.kind != "tree" or measured.listing is None:
        return ()
    before = attester.store.listing(reference.digest.sha256)
    if before is None:
        return ()
    diff = compare(before, measured.listing)
    lines = [f"{shown(name)}: attested sha256 {old}, found {new}" for name, old, new in diff.changed]
    lines += [f"{shown(name)}: attested, now missing" for name in diff.removed]
    lines += [f"{shown(name)}: found, never attested" for name in diff.added]
    return lines if len(lines) <= limit else [*lines[:limit], f"and {len(lines) - limit} more"]


def references(value: object, field: str) -> list[Attested]:
    """One reference, or a sequence of them (a mapped task's output), from a templated field."""
    from attestflow.operators.reference import looks_attested

    if value is None:
        return []
    if looks_attested(value):
        return [Attested.from_xcom(value, field)]
    if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
        raise ConfigurationError(
            f"{field}: expected what attestflow tasks returned, found {shown(value)}",
            hint="hand over the output of a task, not a path",
        )
    return [Attested.from_xcom(each, field) for each in value]
