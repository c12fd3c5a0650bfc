"""From a data set, package, base model or key to everything that descends from it, each step shown by verified evidence."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from attestflow.decisions import Decision, decisions
from attestflow.digest import ContentDigest
from attestflow.errors import VerificationError
from attestflow.impact.facts import facts_of_statement
from attestflow.impact.index import Index
from attestflow.statement import Statement
from attestflow.store.interface import Store
from attestflow.verdict import Transition
from attestflow.verification.verifier import Verifier

MAX_AFFECTED = 100_000


@dataclass(frozen=True, slots=True)
class Affected:
    """A content that descends from what was asked about.

    `via` is the content that it was made of (None: what was asked about is in it itself), `evidence` the identity of the
    attestation that says so, `verified` whether that verifies now; a key that is no longer trusted signed what it signed.
    `holds` are the aliases and stages that the last decision of a gate gave it.
    """

    content: ContentDigest
    via: ContentDigest | None
    evidence: str
    verified: bool
    name: str | None = None
    kind: str | None = None
    holds: tuple[Decision, ...] = ()


@dataclass(slots=True)
class _Tracer:
    index: Index
    store: Store
    verifier: Verifier
    found: dict[str, Affected] = field(default_factory=dict)

    def start(
        self, pairs: Iterable[tuple[str, str]], *, package: str | None = None, unverified: bool
    ) -> Iterator[Affected]:
        for output, key in pairs:
            yield from self._one(output, key, None, package, unverified)

    def descend(self, unverified: bool) -> Iterator[Affected]:
        queue = deque(self.found)
        while queue and len(self.found) < MAX_AFFECTED:
            parent = queue.popleft()
            for output, key in self.index.made_of(parent):
                for each in self._one(output, key, parent, None, unverified):
                    queue.append(output)
                    yield each

    def _one(
        self, output: str, key: str, parent: str | None, package: str | None, unverified: bool
    ) -> Iterator[Affected]:
        if output in self.found:
            return
        verified, identity = self._holds(output, key, parent, package)
        if not verified and not unverified:
            return
        name, kind = self.index.name(output)
        made = Affected(
            ContentDigest.parse(output),
            ContentDigest.parse(parent) if parent else None,
            identity,
            verified,
            name,
            kind,
            tuple(self._in_production(output)),
        )
        self.found[output] = made
        yield made

    def _holds(self, output: str, key: str, parent: str | None, package: str | None) -> tuple[bool, str]:
        """Whether the bundle at `key` verifies and says what the index says of it; its identity."""
        stored = self.store.at_key(key)
        identity = key.rpartition("/")[2].partition(".")[0]
        if stored is None:
            return False, identity
        try:
            statement: Statement = self.verifier.verify(stored.raw).statement
            facts = facts_of_statement(statement)
        except VerificationError:
            return False, identity
        says = output in map(str, facts.outputs)
        says = says and (parent is None or parent in map(str, facts.inputs))
        return says and (package is None or any(is_package(package, each) for each in facts.packages)), identity

    def _in_production(self, output: str) -> Iterator[Decision]:
        """The decisions that let this content have an alias or stage, where no later one gave it to something else."""
        for registry, model, to in self.index.transitions(output):
            said, _ = decisions(Transition(registry, model, to), self.store, self.verifier)
            last = {each.policy: each for each in said if each.allowed}  # the oldest comes first
            yield from (each for each in last.values() if str(each.subject) == output)


def descendants(
    content: ContentDigest, index: Index, store: Store, verifier: Verifier, *, unverified: bool = False
) -> Iterator[Affected]:
    """What was made of a content, directly or not; those of which no statement verifies with `unverified` alone."""
    tracer = _Tracer(index, store, verifier)
    tracer.found[str(content)] = Affected(content, None, "", True)
    yield from tracer.descend(unverified)


def users_of_package(
    package: str, index: Index, store: Store, verifier: Verifier, *, unverified: bool = False
) -> Iterator[Affected]:
    """What lists a package (`pkg:pypi/name` or `pkg:pypi/name@version`), and what descends from it."""
    tracer = _Tracer(index, store, verifier)
    yield from tracer.start(index.using(package), package=package, unverified=unverified)
    yield from tracer.descend(unverified)


def signed_by_key(hints: Iterable[str], index: Index, store: Store, verifier: Verifier) -> Iterator[Affected]:
    """What a key (by the hints that its bundles carry) signed anything about, and what descends from it.

    Whoever asks wants to know what to mistrust: what no longer verifies is here too.
    """
    tracer = _Tracer(index, store, verifier)
    for hint in hints:
        yield from tracer.start(index.signed_by(hint), unverified=True)
    yield from tracer.descend(unverified=True)


def is_package(wanted: str, found: str) -> bool:
    """Whether a package URL is the one asked for; asked for without a version, any version is."""
    return found == wanted or ("@" not in wanted and found.rpartition("@")[0] == wanted)
