"""Are these the bytes that a functionary signed? Without a policy: only content attestations are asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from attestflow.digest import ContentDigest
from attestflow.errors import AttestflowError, MalformedStatement
from attestflow.lineage import Explanation, explain
from attestflow.predicates import reference
from attestflow.store.interface import Store
from attestflow.subject import Measurement, QuickMeasurement
from attestflow.verdict import Rejected
from attestflow.verification.verifier import VerifiedStatement, Verifier

MAX_CANDIDATES = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known about bytes.

    `accepted` are verified content attestations of exactly these bytes; `by` says whether they were recognised by
    SHA-256, or by the BLAKE3 that the same attestation signs (then they are the bytes that *this signer* signed, and
    nothing is joined on that). `content` is their SHA-256 digest, None only where nothing was accepted by BLAKE3.
    """

    content: ContentDigest | None
    by: Literal["sha256", "blake3"]
    accepted: tuple[VerifiedStatement, ...]
    rejected: tuple[Rejected, ...]
    explanation: Explanation | None = None


def verify_quickly(read: QuickMeasurement, store: Store, verifier: Verifier) -> Answer:
    """Find content attestations by BLAKE3. An empty answer says nothing: ask again by SHA-256 (`verify_content`)."""
    accepted: list[VerifiedStatement] = []
    rejected: list[Rejected] = []
    for content in store.find_by_blake3(read.kind, read.blake3)[:MAX_CANDIDATES]:
        good, bad = _content_attestations(content, store, verifier)
        # The pointer is untrusted: what counts is the BLAKE3 that stands in the signed predicate.
        accepted += [
            item for item in good if _signed_blake3(item) == read.blake3 and _selection(item) == read.selection
        ]
        rejected += bad
    contents = {item.statement.contents()[0] for item in accepted}
    if len(contents) > 1:  # two SHA-256 for one BLAKE3: somebody signed what is not true, so neither counts here
        return Answer(None, "blake3", (), tuple(rejected))
    return Answer(contents.pop() if contents else None, "blake3", tuple(accepted), tuple(rejected))


def verify_content(read: Measurement, store: Store, verifier: Verifier) -> Answer:
    """Find content attestations by SHA-256; where there is none, explain what changed since the last one of that name."""
    good, rejected = _content_attestations(read.content, store, verifier)
    accepted = tuple(item for item in good if _selection(item) == read.selection)
    explanation = None
    if not accepted and not rejected:
        explanation = explain(read.name, read.content, read.listing, store, verifier)
    return Answer(read.content, "sha256", accepted, tuple(rejected), explanation)


def verify_digest(content: ContentDigest, store: Store, verifier: Verifier) -> Answer:
    """Find content attestations for a digest as given; no bytes are read."""
    accepted, rejected = _content_attestations(content, store, verifier)
    return Answer(content, "sha256", tuple(accepted), tuple(rejected))


def verify_target(
    quick: Callable[[], QuickMeasurement] | None, whole: Callable[[], Measurement], store: Store, verifier: Verifier
) -> Answer:
    """`verify_quickly` where `quick` is given and finds something, `verify_content` otherwise."""
    if quick is not None:
        answer = verify_quickly(quick(), store, verifier)
        if answer.accepted:
            return answer
    return verify_content(whole(), store, verifier)


def _content_attestations(
    content: ContentDigest, store: Store, verifier: Verifier
) -> tuple[list[VerifiedStatement], list[Rejected]]:
    accepted: list[VerifiedStatement] = []
    rejected: list[Rejected] = []
    for stored in store.attestations(content, reference.PREDICATE_TYPE):
        try:
            verified = verifier.verify(stored.raw)
            if verified.statement.predicate_type != reference.PREDICATE_TYPE or verified.statement.contents() != (
                content,
            ):
                raise MalformedStatement("the attestation is about something else than where it was found")
            reference.Reference.parse(verified.statement.predicate, "predicate")
        except AttestflowError as exc:
            rejected.append(Rejected(stored.location, exc.message))
        else:
            accepted.append(verified)
    return accepted, rejected


def _signed_blake3(item: VerifiedStatement) -> str | None:
    return reference.Reference.parse(item.statement.predicate, "predicate").blake3_key()


def _selection(item: VerifiedStatement) -> tuple[str, ...]:
    selection = item.statement.subjects[0].annotations.get("selection", [])
    return tuple(selection) if isinstance(selection, list) else ("?",)
