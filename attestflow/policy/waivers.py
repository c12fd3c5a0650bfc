"""Waiving denials: by an exception in the policy, or by a signed one of the break-glass role. Loud, and never for long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from attestflow.clock import format_time, parse_time
from attestflow.lineage import Lineage
from attestflow.policy.makers import makers
from attestflow.policy.rules.common import created_on
from attestflow.policy.schema import BreakGlass, Context, Policy
from attestflow.predicates.exception import PREDICATE_TYPE, PromotionException
from attestflow.verdict import Finding, Waiver
from attestflow.verification.verifier import VerifiedStatement

BREAK_GLASS_RULE = "break-glass"


@dataclass(frozen=True, slots=True)
class _Exception:
    """A signed exception that counts."""

    said: PromotionException
    waiver: Waiver


def waived(policy: Policy, lineage: Lineage, context: Context, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """The findings, those denials `excepted` that somebody may waive and did; and what is wrong with what does not count."""
    by_policy = tuple(_by_policy(policy, lineage, context, finding) for finding in findings)
    glass = policy.break_glass
    if glass is None:
        return by_policy
    counting: list[_Exception] = []
    objections: list[Finding] = []
    for item in lineage.root.of_type(PREDICATE_TYPE):
        said = PromotionException.parse(item.statement.predicate)
        objection = _objection(item, said, glass, lineage, context)
        if objection is None:
            counting.append(_Exception(said, Waiver(item.functionary, said.reason, said.expires, item.identity)))
        else:
            message = f"the exception by {item.functionary} does not count: {objection}"
            objections.append(
                Finding(BREAK_GLASS_RULE, "warned", message, None, str(lineage.subject), (item.identity,))
            )
    return (*_by_role(by_policy, counting, glass), *objections)


def _by_policy(policy: Policy, lineage: Lineage, context: Context, finding: Finding) -> Finding:
    if finding.outcome != "denied":
        return finding
    for each in policy.exceptions:
        if context.now < each.expires and each.covers(finding, lineage.subject, context.transition):
            waiver = Waiver(f"the policy {policy.name}", each.reason, format_time(each.expires))
            return replace(finding, outcome="excepted", waiver=waiver)
    return finding


def _by_role(findings: tuple[Finding, ...], counting: list[_Exception], glass: BreakGlass) -> Iterator[Finding]:
    for finding in findings:
        found = next((each for each in counting if finding.rule in each.said.rules), None)
        if finding.outcome != "denied" or found is None or finding.rule in glass.never:
            yield finding
        else:
            yield replace(finding, outcome="excepted", waiver=found.waiver)


def _objection(
    item: VerifiedStatement, said: PromotionException, glass: BreakGlass, lineage: Lineage, context: Context
) -> str | None:
    """Why an exception does not count, None where it does."""
    transition, signed = context.transition, created_on(item, lineage.subject)
    if item.functionary not in glass.by:
        return f"only {' or '.join(glass.by)} may break the glass"
    if item.functionary in makers(lineage):
        return "who made the model cannot waive what it lacks"
    if transition is None or not transition.same_as(said.registry, said.model, said.transition):
        return f"it is for {said.model} to {said.transition} in {said.registry}"
    if said.policy != context.policy_sha256:
        return "it was given under another policy"
    if said.production != (str(context.production) if context.production else None):
        return "something else was in production when it was given"
    if signed is None or context.is_future(signed):
        return "it states no time, or one in the future"
    expires = parse_time(said.expires)
    if expires <= context.now:
        return f"it expired on {said.expires}"
    if expires - signed > glass.max_lifetime:
        return "it lasts longer than the policy allows"
    return None
