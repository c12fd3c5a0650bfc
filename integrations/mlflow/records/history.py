"""What happened to an alias or stage: every decision that a gate signed, who approved it, and whether it took effect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from attestflow.decisions import Decision, decisions
from attestflow.digest import ContentDigest, is_hex_digest
from attestflow.errors import VerificationError
from attestflow.integrations.mlflow.records.audit import CONTENT_TAG
from attestflow.integrations.mlflow.records.registry_view import RegistryView
from attestflow.predicates import approval
from attestflow.settings import Settings
from attestflow.store.interface import Store
from attestflow.verdict import APPROVAL_RULE, Rejected, Transition
from attestflow.verification.verifier import Verifier

Effect = Literal["took effect", "refused", "did not take effect", "unknown"]


@dataclass(frozen=True, slots=True)
class Event:
    """A decision, the functionaries whose approvals it rests on, whether it took effect, and which version has its bytes now.

    `effect` is told from signed records: the next decision found these bytes there. For the last one it is what the alias
    or stage names now, `unknown` where nobody could look. `version` is what the registry's tags say; no evidence.
    """

    decision: Decision
    approvers: tuple[str, ...]
    effect: Effect
    version: str | None = None


def history(
    transition: Transition,
    settings: Settings,
    *,
    now: ContentDigest | None,
    looked: bool,
    versions: dict[ContentDigest, str] | None = None,
) -> tuple[tuple[Event, ...], tuple[Rejected, ...]]:
    """Every recorded decision about a transition, the oldest first, and what is filed there and does not count.

    `now` is what the alias or stage names now, None for nothing, if somebody `looked`. Raises StoreError when the store
    cannot be read, ConfigurationError for settings that cannot be used.
    """
    store, verifier = settings.open_store(), settings.verifier()
    found, rejected = decisions(transition, store, verifier)
    events = [
        Event(
            each,
            _approvers(each, store, verifier),
            _effect(each, found[index + 1 :], now, looked=looked),
            (versions or {}).get(each.subject),
        )
        for index, each in enumerate(found)
    ]
    return tuple(events), rejected


def tagged_versions(view: RegistryView, model: str) -> dict[ContentDigest, str]:
    """Which version has which digest, as the gate noted it on the versions. Raises as RegistryView.fetch."""
    found = {}
    for version in view.versions(model):
        tag = dict(version.tags).get(CONTENT_TAG)
        if tag and tag.startswith(("tree:sha256:", "file:sha256:")) and len(tag) == 76:
            found[ContentDigest.parse(tag)] = str(version.version)
    return found


def _effect(decision: Decision, later: Sequence[Decision], now: ContentDigest | None, *, looked: bool) -> Effect:
    if not decision.allowed:
        return "refused"
    if decision.production == decision.subject:
        return "took effect"  # it was there when the gate was asked
    for each in later:
        if _same_request(decision, each):
            continue
        return "took effect" if each.production == decision.subject else "did not take effect"
    if not looked:
        return "unknown"
    return "took effect" if now == decision.subject else "did not take effect"


def _same_request(decision: Decision, later: Decision) -> bool:
    """Whether two verdicts are about one request, which each policy that guards it answered."""
    return later.policy != decision.policy and (later.subject, later.production) == (
        decision.subject,
        decision.production,
    )


def _approvers(decision: Decision, store: Store, verifier: Verifier) -> tuple[str, ...]:
    """The functionaries whose approvals are among what the verdict rests on, as the trust root verifies them now."""
    names = set()
    relied_on = {
        str(each)
        for found in decision.findings
        if found.get("rule") == APPROVAL_RULE
        for each in found.get("evidence", ())
    }
    for identity in sorted(relied_on):
        if not is_hex_digest(identity):
            continue
        stored = store.bundle(decision.subject, approval.PREDICATE_TYPE, identity)
        if stored is None:
            continue
        try:
            verified = verifier.verify(stored.raw)
            said = approval.Approval.parse(verified.statement.predicate)
        except VerificationError:
            continue
        same = decision.transition.same_as(said.registry, said.model, said.transition)
        if verified.identity == identity and said.decision == "approved" and same:
            names.add(verified.functionary)
    return tuple(sorted(names))
