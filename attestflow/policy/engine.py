"""Evaluating a policy over a lineage: every rule is asked, nothing is skipped, and what goes wrong denies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from attestflow.errors import AttestflowError
from attestflow.lineage import Lineage
from attestflow.policy.registry import find_rule
from attestflow.policy.schema import Context, Policy, Rule, RuleUse
from attestflow.policy.waivers import waived
from attestflow.verdict import APPROVAL_RULE, Finding, findings_digest

_OUTCOMES = ("passed", "denied", "warned")
_HOLDING = ("passed", "warned", "excepted")


def evaluate(policy: Policy, lineage: Lineage, context: Context) -> tuple[Finding, ...]:
    """The findings of every rule, in the policy's order. A rule that finds nothing, or that fails, is a denial.

    Approvals are looked at last: what an owner saw is what all other rules find.
    """
    found: dict[int, tuple[Finding, ...]] = {}
    for last in (False, True):
        for index, use in enumerate(policy.rules):
            if (use.rule == APPROVAL_RULE) is last:
                found[index] = tuple(_in_mode(use, _ask(use, lineage, context)))
        if not last:
            others = [finding for index in sorted(found) for finding in found[index]]
            context = replace(context, seen=_seen(policy, lineage, context, others))
    findings = tuple(finding for index in range(len(policy.rules)) for finding in found[index])
    return waived(policy, lineage, context, findings)


def holds(findings: tuple[Finding, ...]) -> bool:
    """Whether findings let a subject pass: there is one, and none of them denied."""
    return bool(findings) and all(finding.outcome in _HOLDING for finding in findings)


def compares(policy: Policy) -> bool:
    """Whether a rule of the policy compares with what is in production, and so needs its lineage."""
    return any(getattr(find_rule(use.rule, "policy"), "compares", False) for use in policy.rules)


def _seen(policy: Policy, lineage: Lineage, context: Context, findings: list[Finding]) -> str:
    return findings_digest(
        lineage.subject, context.transition, context.production, policy.name, policy.sha256, findings
    )


def _in_mode(use: RuleUse, findings: Iterator[Finding]) -> Iterator[Finding]:
    for finding in findings:
        yield replace(finding, outcome="warned") if use.mode == "warn" and finding.outcome == "denied" else finding


def _ask(use: RuleUse, lineage: Lineage, context: Context) -> Iterator[Finding]:
    try:
        rule = find_rule(use.rule, "policy")
        unknown = _unknown_functionaries(rule, use.parameters, context)
        if unknown:
            yield Finding(
                use.rule,
                "denied",
                f"the policy asks for {', '.join(unknown)}, whom the trust root does not know",
                "correct `by` in the policy, or add them to the trust root",
            )
            return
        findings = tuple(rule.check(lineage, context, use.parameters))
        sound = bool(findings) and all(
            finding.outcome in _OUTCOMES and finding.rule == use.rule and finding.waiver is None for finding in findings
        )
    except AttestflowError as exc:
        yield Finding(use.rule, "denied", f"the check could not be made: {exc.message}", exc.hint)
        return
    except Exception as exc:  # a rule that breaks must deny, whoever wrote it
        yield Finding(use.rule, "denied", f"the rule itself failed: {type(exc).__name__}", "report this to its author")
        return
    if not sound:
        yield Finding(
            use.rule, "denied", "the rule found nothing to say, so nothing is shown", "report this to its author"
        )
        return
    yield from findings


def _unknown_functionaries(rule: Rule, parameters: Mapping[str, Any], context: Context) -> list[str]:
    known = context.trust_root.functionaries
    asked = (
        name
        for key, parameter in rule.parameters.items()
        if parameter.kind == "functionaries"
        for name in parameters.get(key) or ()
    )
    return sorted({name for name in asked if name not in known})
