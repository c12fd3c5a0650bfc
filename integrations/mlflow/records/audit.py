"""Audit: is what holds each guarded alias and stage what a gate decided, and are its files still the ones decided about?"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from attestflow.decisions import Decision, Standing, last_allowed, standing
from attestflow.digest import ContentDigest, ListingDiff, compare
from attestflow.errors import AttestflowError, ConfigurationError, DigestMismatch
from attestflow.integrations.mlflow.records.guarded import accepted, all_policies, guarding, transition_in, words
from attestflow.integrations.mlflow.records.registry_view import Held, RegistryView
from attestflow.integrations.mlflow.registration.added import without_meta
from attestflow.lineage import explain
from attestflow.policy.schema import Policy
from attestflow.settings import Settings
from attestflow.store.interface import Store
from attestflow.subject import Measurement, measure
from attestflow.verdict import Transition
from attestflow.verification.verifier import Verifier

CONTENT_TAG = "attestflow.content"
State = Literal["ok", "warned", "never", "changed", "replaced", "expired", "denied", "unreadable"]
GOOD: frozenset[State] = frozenset({"ok", "warned"})
Showing = Callable[[str], AbstractContextManager[Any]]


@dataclass(frozen=True, slots=True)
class Row:
    """What was found about one alias or stage under one policy; `message` says it to people.

    `ok` and `warned` (the policy only warned, and only warns now) are as recorded. `never`: no gate promoted these bytes;
    `changed`: the gate promoted others, of this very version; `replaced`: it promoted these once, and others since;
    `expired` and `denied`: what the last decision about them is now. `content` is what the files are now, None where they
    are `unreadable`; `diff` is from what was promoted, or attested last under this name, to what is there.
    """

    model: str
    to: str
    version: str
    state: State
    message: str
    policy: str | None = None
    content: ContentDigest | None = None
    decision: Decision | None = None
    diff: ListingDiff | None = None


@dataclass(frozen=True, slots=True)
class _Auditor:
    view: RegistryView
    settings: Settings
    policies: tuple[Policy, ...]
    store: Store
    verifier: Verifier

    def model(self, name: str, showing: Showing) -> Iterator[Row]:
        """Its guarded aliases and stages, one version's files at a time."""
        try:
            held = [each for each in self.view.held(name) if guarding(self.policies, name, each.to)]
        except AttestflowError as exc:
            yield Row(name, "?", "?", "unreadable", exc.message)
            return
        for version in sorted({each.version for each in held}, key=int):
            yield from self._version(name, version, [each for each in held if each.version == version], showing)

    def _version(self, name: str, version: str, held: list[Held], showing: Showing) -> Iterator[Row]:
        try:
            forms = self._measured(name, version, showing)
            tags = self.view.tags(name, version)
        except AttestflowError as exc:
            yield from (Row(name, each.to, version, "unreadable", exc.message) for each in held)
            return
        for each in held:
            for policy in guarding(self.policies, name, each.to):
                try:
                    yield self._judged(name, each, policy, forms, tags.get(CONTENT_TAG))
                except AttestflowError as exc:
                    yield Row(name, each.to, version, "unreadable", exc.message, policy.name, forms[0].content)

    def _measured(self, name: str, version: str, showing: Showing) -> list[Measurement]:
        """The files as they are now, and without the one that MLflow may have added."""
        with tempfile.TemporaryDirectory(prefix="attestflow-") as folder, showing(f"models:/{name}/{version}") as bar:
            path = self.view.fetch(name, version, Path(folder))
            measured = measure(path, name=name, algorithms=("sha256",), progress=bar)
            try:
                stripped = without_meta(measured, path, lambda other, number: True)
            except DigestMismatch:
                stripped = measured
        return [measured] if stripped is measured else [measured, stripped]

    def _judged(self, name: str, held: Held, policy: Policy, forms: list[Measurement], tag: str | None) -> Row:
        transition = transition_in(self.settings, self.view.workspace, name, held.to)
        read, found = forms[0], Standing("none")
        for form in forms:
            found = self._standing(form.content, transition, policy)
            if found.state != "none":
                read = form
                break
        row = Row(name, held.to, held.version, "ok", words(found, policy), policy.name, read.content, found.decision)
        if found.state == "none":
            return self._unknown(row, transition, policy, read, tag)
        if not accepted(found, policy):
            return replace(row, state="expired" if found.state == "expired" else "denied")
        last = last_allowed(transition, policy.name, self.store, self.verifier)
        others = bool(last) and all(each.subject != read.content for each in last)
        if others and held.to.startswith("alias:") and held.to != "alias:latest":
            message = f"the last promotion by the gate put {last[0].subject} there, not these bytes"
            return replace(row, state="replaced", message=message, decision=last[0])
        return replace(row, state="ok" if found.state == "passed" else "warned")

    def _unknown(self, row: Row, transition: Transition, policy: Policy, read: Measurement, tag: str | None) -> Row:
        """No decision is about these bytes: were the promoted ones changed, or was nothing ever promoted?"""
        promoted = _digest(tag)
        if promoted is not None and promoted != read.content:
            before = self._standing(promoted, transition, policy)
            if before.decision is not None and before.decision.allowed:
                diff = self._diff(promoted, read)
                message = f"its files were changed after the promotion; promoted was {promoted}"
                return replace(row, state="changed", message=message, decision=before.decision, diff=diff)
        message = (
            "no gate promoted these bytes: somebody wrote to the registry's database, or promoted without the gate"
        )
        found = explain(row.model, read.content, read.listing, self.store, self.verifier)
        diff = found.diff if found is not None and found.shares_files else None
        return replace(row, state="never", message=message, diff=diff)

    def _standing(self, content: ContentDigest, transition: Transition, policy: Policy) -> Standing:
        return standing(content, transition, policy.name, self.store, self.verifier, self.settings.clock())

    def _diff(self, promoted: ContentDigest, read: Measurement) -> ListingDiff | None:
        listing = self.store.listing(promoted.sha256) if promoted.kind == "tree" else None
        return compare(listing, read.listing) if listing is not None and read.listing is not None else None


def audit(view: RegistryView, settings: Settings, pattern: str = "*", *, showing: Showing) -> Iterator[Row]:
    """A row for each alias and stage that a policy of the settings guards, in each model that a glob matches.

    One version's files are on disk at a time. What cannot be read is a row too. Raises AttestflowError where nothing can be
    looked at: settings, policies, store or trust root, or a registry that does not list its models.
    """
    policies = all_policies(settings)
    if not any(policy.protections for policy in policies):
        raise ConfigurationError(
            "no policy of these settings protects anything, so there is nothing to audit",
            hint="name models with aliases or stages under `protects` in a policy, and sign it",
        )
    auditor = _Auditor(view, settings, policies, settings.open_store(), settings.verifier())
    for name in view.models(pattern):
        yield from auditor.model(name, showing)


def _digest(tag: str | None) -> ContentDigest | None:
    """A version's tag read as a digest: MLflow's word for what was promoted, to look it up by."""
    try:
        return ContentDigest.parse(tag) if tag else None
    except ConfigurationError:
        return None
