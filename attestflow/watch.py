"""Watching: what gates let into production, evaluated again under today's policies, evidence and clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from attestflow.clock import format_time
from attestflow.decisions import Decision, decisions, lacks_approvals_alone
from attestflow.errors import AttestflowError
from attestflow.gate import Gate
from attestflow.policy.schema import Policy
from attestflow.verdict import Finding, Transition, Verdict
from attestflow.verification.verifier import Verifier

WATCH_RULE = "watch"
State = Literal["ok", "fails", "will-fail", "expired", "unguarded", "unreadable"]
BAD: frozenset[State] = frozenset({"fails", "expired", "unreadable"})


@dataclass(frozen=True, slots=True)
class Watched:
    """One alias or stage, by the last decision that filled it, and what its policy says about these bytes today.

    `fails`: it would not pass now; `will-fail`: not any more by `ahead`; `expired`: the decision itself ran out;
    `unguarded`: no policy of that name guards it any more; `unreadable`: that cannot be known (`problem`). Approvals are for
    getting there: that they are spent is no failure, a rejection or a revocation is one.
    """

    transition: Transition
    policy: str
    state: State
    decision: Decision
    verdict: Verdict | None = None
    problem: str | None = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What would deny it, or for `expired` and `unreadable` one finding that says so."""
        if self.verdict is not None and self.state in ("fails", "will-fail"):
            return self.verdict.denials
        if self.state in ("expired", "unreadable"):
            message = self.problem or f"the decision expired on {format_time(self.decision.expires)}"
            return (Finding(WATCH_RULE, "denied", message, "promote it again", str(self.decision.subject)),)
        return ()


def in_production(transitions: Iterable[Transition], gate: Gate) -> Iterator[Decision]:
    """The last decision of each policy that let something have each of these aliases and stages."""
    for transition in transitions:
        said, _ = decisions(transition, gate.store, gate.verifier)
        last = {each.policy: each for each in said if each.allowed}  # the oldest comes first
        yield from last.values()


def watched(decision: Decision, policies: Iterable[Policy], gate: Gate, *, ahead: timedelta) -> Watched:
    """What today's policy of the decision's name says about what it let in, now and `ahead` from now.

    `gate` lends store, verifier and clock; nothing is recorded.
    """
    about = decision.transition
    row = Watched(about, decision.policy, "ok", decision)
    policy = next((each for each in policies if each.name == decision.policy), None)
    if policy is None or not policy.protects(about.model, about.to):
        return replace(row, state="unguarded")
    now = gate.clock()
    if decision.expires <= now:
        return replace(row, state="expired")
    try:
        today = _asked(decision, policy, gate, timedelta(0))
        if _fails(today, gate):
            return replace(row, state="fails", verdict=today)
        then = _asked(decision, policy, gate, ahead)
        if _fails(then, gate):
            return replace(row, state="will-fail", verdict=then)
    except AttestflowError as exc:
        return replace(row, state="unreadable", problem=exc.message)
    if decision.expires <= now + ahead:
        return replace(row, state="will-fail", problem=f"the decision expires on {format_time(decision.expires)}")
    return replace(row, verdict=today)


def _fails(verdict: Verdict, gate: Gate) -> bool:
    denials = [finding.to_json() for finding in verdict.denials]
    return bool(denials) and not lacks_approvals_alone(denials, verdict.subject, gate.store)


def _asked(decision: Decision, policy: Policy, gate: Gate, later: timedelta) -> Verdict:
    """The question that the decision answered, asked again: with what it found in production then."""

    def clock() -> datetime:
        return gate.clock() + later

    asked = Gate(gate.store, Verifier(gate.verifier.trust_root, clock), policy, clock)
    return asked.check(
        decision.subject,
        name=decision.name or str(decision.subject),
        transition=decision.transition,
        production=decision.production,
    )
