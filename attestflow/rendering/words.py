"""What all renderings say alike: the verdict in a word, and its findings in groups."""

from __future__ import annotations

from attestflow.errors import ConfigurationError
from attestflow.policy.registry import find_rule
from attestflow.policy.schema import Rule
from attestflow.verdict import Finding, Verdict

GROUPS = ("denied", "excepted", "warned", "passed")
TITLES = {
    "denied": "What denies it",
    "excepted": "Waived by exception",
    "warned": "Warnings",
    "passed": "What passed",
}


def headline(verdict: Verdict) -> str:
    """`passed`, `denied`, `passed by exception`, or `would be denied` where the policy only warns."""
    if verdict.excepted and verdict.passed:
        return "passed by exception"
    if verdict.passed:
        return "passed"
    return "denied" if verdict.enforced else "would be denied"


def promotion(verdict: Verdict) -> str:
    """What was asked for: `churn to alias:production in reg`, or the subject's name alone."""
    asked = verdict.transition
    return f"{asked.model} to {asked.to} in {asked.registry}" if asked else verdict.subject_name


def grouped(verdict: Verdict) -> dict[str, tuple[Finding, ...]]:
    """The findings by outcome, what denies first."""
    return {group: tuple(each for each in verdict.findings if each.outcome == group) for group in GROUPS}


def rule_of(name: str) -> Rule | None:
    """The rule behind a finding; None for findings of the gate itself."""
    try:
        return find_rule(name, "finding")
    except ConfigurationError:
        return None
