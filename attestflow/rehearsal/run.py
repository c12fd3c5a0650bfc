"""Playing the cases of a test file, each through the real gate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from attestflow.gate import Gate
from attestflow.policy.schema import Policy, Transition
from attestflow.rehearsal.cases import Case, Cases
from attestflow.rehearsal.honest import play
from attestflow.rehearsal.stage import Cast, Stage, content_of
from attestflow.verdict import Verdict
from attestflow.verification.trust_root import TrustRoot

REGISTRY = "rehearsal"


@dataclass(frozen=True, slots=True)
class Played:
    """A case, the verdict that came out, and what is not as it was expected (None: all is)."""

    case: Case
    verdict: Verdict
    problem: str | None


def rehearse(cases: Cases, policy: Policy, trust_root: TrustRoot, now: datetime) -> Iterator[Played]:
    """Play each case: sign its evidence with the cast's keys, ask a gate under `policy`, compare.

    Raises ConfigurationError where a case asks for somebody whom the trust root does not know.
    """
    moment = cases.now or now
    cast = Cast.of(trust_root, moment)
    transition = Transition.parse(REGISTRY, cases.model, cases.to)
    for case in cases.cases:
        stage = Stage.new(cast, moment)
        model = play(case, stage, policy, transition)
        gate = Gate(stage.store, stage.verifier, policy, lambda: moment)
        verdict = gate.check(content_of(model), name=cases.model, transition=transition)
        yield Played(case, verdict, _problem(case, verdict))


def uncovered(policy: Policy, played: list[Played]) -> tuple[str, ...]:
    """The rules of the policy that denied in no case: nobody has seen them work."""
    denied = {finding.rule for each in played for finding in each.verdict.denials}
    return tuple(dict.fromkeys(use.rule for use in policy.rules if use.mode == "enforce" and use.rule not in denied))


def _problem(case: Case, verdict: Verdict) -> str | None:
    rules = {finding.rule for finding in verdict.denials}
    if verdict.passed != case.passes:
        why = "; ".join(f"{finding.rule}: {finding.message}" for finding in verdict.denials) or "no rule denied"
        return f"it {'passed' if verdict.passed else 'was denied'} ({why})"
    if case.rules is not None and rules != case.rules:
        missing, more = ", ".join(sorted(case.rules - rules)), ", ".join(sorted(rules - case.rules))
        parts = [f"did not deny: {missing}" if missing else "", f"denied too: {more}" if more else ""]
        return "; ".join(part for part in parts if part)
    return None
