"""Evaluating a policy over a lineage: every rule is asked, nothing is skipped, and what goes wrong denies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attestflow.errors import AttestflowError
from attestflow.lineage import Lineage
from attestflow.policy.registry import find_rule
from attestflow.policy.schema import Context, Policy, Rule, RuleUse
from attestflow.verdict import Finding

_OUTCOMES = ("passed", "denied", "warned")


def evaluate(policy: Policy, lineage: Lineage, context: Context) -> tuple[Finding, ...]:
    """The findings of every rule, in the policy's order. A rule that finds nothing, or that fails, is a denial."""
    return tuple(finding for use in policy.rules for finding in _ask(use, lineage, context))


def holds(findings: tuple[Finding, ...]) -> bool:
    """Whether findings let a subject pass: there is one, and none of them denied."""
    return bool(findings) and all(finding.outcome in ("passed", "warned") for finding in findings)


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
        sound = bool(findings) and all(finding.outcome in _OUTCOMES for finding in findings)
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
