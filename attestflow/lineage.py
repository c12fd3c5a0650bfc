"""Lineage: from a subject's digest through verified attestations to all that it was made of."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from attestflow.digest import ContentDigest, Listing, ListingDiff, compare
from attestflow.errors import AttestflowError, MalformedStatement, VerificationError
from attestflow.predicates import approval, contents, exception, ml_bom, others, provenance, reference, test_result, vsa
from attestflow.store.interface import Store
from attestflow.subject import ResourceDescriptor
from attestflow.verdict import Rejected
from attestflow.verification.verifier import VerifiedStatement, Verifier

__all__ = ["Bounds", "Explanation", "Input", "Lineage", "Node", "Rejected", "explain", "gather"]

# A functionary's statement that breaks its own format is rejected where it is found, whatever rule would read it.
_PARSERS: Mapping[str, Callable[..., object]] = {
    reference.PREDICATE_TYPE: reference.Reference.parse,
    provenance.PREDICATE_TYPE: provenance.Provenance.parse,
    test_result.PREDICATE_TYPE: test_result.TestResult.parse,
    approval.PREDICATE_TYPE: approval.Approval.parse,
    exception.PREDICATE_TYPE: exception.PromotionException.parse,
    ml_bom.PREDICATE_TYPE: ml_bom.MlBom.parse,
}
_POINTERS_TRIED = 20


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far a lineage is followed; reaching a bound raises VerificationError."""

    depth: int = 64
    nodes: int = 10_000
    attestations: int = 50_000


@dataclass(frozen=True, slots=True)
class Input:
    """One input that a provenance names: by its descriptor, and by content where that has a SHA-256."""

    content: ContentDigest | None
    descriptor: ResourceDescriptor
    via: VerifiedStatement

    @property
    def is_commit(self) -> bool:
        """Whether it is a git commit and nothing else."""
        return self.content is None and set(self.descriptor.digest) == {"gitCommit"}

    @property
    def name(self) -> str:
        """What the run called it."""
        return self.descriptor.name or self.descriptor.uri or "an input without a name"


@dataclass(frozen=True, slots=True)
class Node:
    """One content in a lineage, with every verified attestation about it (verdicts apart)."""

    content: ContentDigest
    attestations: tuple[VerifiedStatement, ...]
    depth: int

    def of_type(self, predicate_type: str) -> tuple[VerifiedStatement, ...]:
        """Its attestations of one predicate type."""
        return tuple(item for item in self.attestations if item.statement.predicate_type == predicate_type)

    @property
    def kinds(self) -> frozenset[str]:
        """What its content attestations say that it is: dataset, model, code."""
        notes = (self._subject(item).annotations.get("kind") for item in self.of_type(reference.PREDICATE_TYPE))
        return frozenset(kind for kind in notes if isinstance(kind, str))

    @property
    def kind(self) -> str | None:
        """Its kind where its content attestations agree on one; None where nothing is attested."""
        kinds = self.kinds
        return next(iter(kinds)) if len(kinds) == 1 else "/".join(sorted(kinds)) or None

    @property
    def name(self) -> str | None:
        """The name in its first content attestation, or in any other one."""
        for item in (*self.of_type(reference.PREDICATE_TYPE), *self.attestations):
            name = self._subject(item).name
            if name:
                return name
        return None

    def _subject(self, item: VerifiedStatement) -> ResourceDescriptor:
        return next(
            (each for each in item.statement.subjects if each.digest.get("sha256") == self.content.sha256),
            ResourceDescriptor(),
        )


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why bytes may be unknown: the last verified content of that name, and what differs (None: it cannot be said)."""

    name: str
    previous: ContentDigest
    diff: ListingDiff | None
    shares_files: bool = False
    note: str | None = None


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Lineage:
    """The verified graph below a subject: `nodes` by content, `inputs` by the content that was made of them.

    `listings` holds, by content, those of the subject, of registered trees and of what they were registered from;
    `explanations` says for inputs without a content attestation what changed.
    """

    subject: ContentDigest
    nodes: Mapping[ContentDigest, Node]
    inputs: Mapping[ContentDigest, tuple[Input, ...]]
    rejected: tuple[Rejected, ...] = ()
    listings: Mapping[ContentDigest, Listing] = field(default_factory=dict)
    explanations: Mapping[ContentDigest, Explanation] = field(default_factory=dict)

    @property
    def root(self) -> Node:
        """The subject's own node."""
        return self.nodes[self.subject]

    @property
    def identities(self) -> tuple[str, ...]:
        """The identities of all its attestations, each once, in order."""
        return tuple(sorted({item.identity for node in self.nodes.values() for item in node.attestations}))

    def provenances(self, content: ContentDigest) -> tuple[tuple[VerifiedStatement, provenance.Provenance], ...]:
        """Every verified SLSA provenance of a content, parsed."""
        node = self.nodes.get(content)
        found = node.of_type(provenance.PREDICATE_TYPE) if node else ()
        return tuple((item, provenance.Provenance.parse(item.statement.predicate)) for item in found)


def gather(subject: ContentDigest, store: Store, verifier: Verifier, bounds: Bounds = Bounds()) -> Lineage:
    """Collect the lineage of `subject`, breadth first; cycles and diamonds are visited once.

    A bundle that does not verify, or is not about what it was filed under, is listed in `rejected` and counts as absent.
    Raises StoreError when the store cannot be read, VerificationError when a bound is reached.
    """
    nodes: dict[ContentDigest, Node] = {}
    inputs: dict[ContentDigest, tuple[Input, ...]] = {}
    rejected: list[Rejected] = []
    queue = deque([(subject, 0)])
    seen = {subject}
    count = 0
    while queue:
        content, depth = queue.popleft()
        if depth > bounds.depth or len(nodes) >= bounds.nodes:
            raise VerificationError(
                f"the lineage of {subject} goes deeper or wider than {bounds.depth} / {bounds.nodes}"
            )
        node = Node(content, _verified(content, store, verifier, rejected), depth)
        nodes[content] = node
        count += len(node.attestations)
        if count > bounds.attestations:
            raise VerificationError(f"the lineage of {subject} holds more than {bounds.attestations} attestations")
        inputs[content] = _inputs(node)
        for item in inputs[content]:
            if item.content is not None and item.content not in seen:
                seen.add(item.content)
                queue.append((item.content, depth + 1))
    listings = _listings(subject, nodes, inputs, store)
    explanations = _explanations(nodes, inputs, store, verifier)
    return Lineage(subject, nodes, inputs, tuple(rejected), listings, explanations)


def explain(
    name: str, content: ContentDigest, listing: Listing | None, store: Store, verifier: Verifier
) -> Explanation | None:
    """What changed since the last verified content attestation of that name; None where there is none. Proves nothing.

    A data set and a model may have one name: the last content that shares a file with this one is preferred.
    """
    fallback = None
    for pointer in store.find_by_name(name)[:_POINTERS_TRIED]:
        previous = pointer.content
        if previous == content or not _is_named(previous, name, store, verifier):
            continue
        try:
            found = Explanation(name.rstrip("/"), previous, *_diff(name, previous, content, listing, store))
        except AttestflowError as exc:
            found = Explanation(name.rstrip("/"), previous, None, note=exc.message)
        if found.shares_files:
            return found
        fallback = fallback or found
    return fallback


def _is_named(content: ContentDigest, name: str, store: Store, verifier: Verifier) -> bool:
    """Whether a verified content attestation gives `content` that name."""
    attested = _verified(content, store, verifier, [])
    named = (
        each.statement.subjects[0].name
        for each in attested
        if each.statement.predicate_type == reference.PREDICATE_TYPE
    )
    return any(each is not None and each.rstrip("/") == name.rstrip("/") for each in named)


def _diff(
    name: str, previous: ContentDigest, content: ContentDigest, listing: Listing | None, store: Store
) -> tuple[ListingDiff | None, bool]:
    """What differs, None where it cannot be said, and whether the two have a file's name in common."""
    if previous.kind != content.kind:
        return None, False
    if content.kind == "file":
        return ListingDiff((), (), ((name, previous.sha256, content.sha256),)), True
    old, new = store.listing(previous.sha256), listing or store.listing(content.sha256)
    if old is None or new is None:
        return None, False
    difference = compare(old, new)
    return difference, len(difference.removed) < len(old)


def _verified(
    content: ContentDigest, store: Store, verifier: Verifier, rejected: list[Rejected]
) -> tuple[VerifiedStatement, ...]:
    found: dict[tuple[str, str], VerifiedStatement] = {}
    for stored in store.attestations(content, skip=(vsa.PREDICATE_TYPE,)):
        try:
            verified = verifier.verify(stored.raw)
            if content not in contents(verified.statement):
                raise MalformedStatement("it is about something else than what it was filed under")
            known = verified.statement.predicate_type
            parse = _PARSERS.get(known) or others.parser_of(known)
            if parse is not None:
                parse(verified.statement.predicate, "predicate")
        except VerificationError as exc:
            rejected.append(Rejected(stored.location, exc.message))
        else:
            found[verified.identity, verified.key_fingerprint] = verified
    return tuple(found[key] for key in sorted(found))


def _inputs(node: Node) -> tuple[Input, ...]:
    found = []
    for item in node.of_type(provenance.PREDICATE_TYPE):
        for descriptor in provenance.Provenance.parse(item.statement.predicate).inputs:
            try:
                content = descriptor.content()
            except MalformedStatement:
                content = None  # neither file nor tree: an input that no attestation can be about
            found.append(Input(content, descriptor, item))
    return tuple(found)


def _listings(
    subject: ContentDigest,
    nodes: Mapping[ContentDigest, Node],
    inputs: Mapping[ContentDigest, tuple[Input, ...]],
    store: Store,
) -> dict[ContentDigest, Listing]:
    wanted = {subject}
    for content, node in nodes.items():
        for item in node.of_type(provenance.PREDICATE_TYPE):
            if provenance.Provenance.parse(item.statement.predicate).build_type == provenance.BUILD_TYPE_REGISTRATION:
                wanted |= {content, *(each.content for each in inputs[content] if each.content is not None)}
    found: dict[ContentDigest, Listing] = {}
    for content in wanted:
        listing = store.listing(content.sha256) if content.kind == "tree" else None
        if listing is not None:
            found[content] = listing
    return found


def _explanations(
    nodes: Mapping[ContentDigest, Node],
    inputs: Mapping[ContentDigest, tuple[Input, ...]],
    store: Store,
    verifier: Verifier,
) -> dict[ContentDigest, Explanation]:
    found: dict[ContentDigest, Any] = {}
    for items in inputs.values():
        for item in items:
            content = item.content
            if content is None or content in found or nodes[content].kinds or not item.descriptor.name:
                continue
            explanation = explain(item.descriptor.name, content, None, store, verifier)
            if explanation is not None:
                found[content] = explanation
    return found
