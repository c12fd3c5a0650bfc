"""Verdicts as SARIF 2.1.0 (OASIS), for code-scanning viewers and pipelines."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from attestflow import __version__
from attestflow.documents import canonical_json, escaped
from attestflow.policy.registry import BUILT_IN, page
from attestflow.rendering.words import promotion, rule_of
from attestflow.verdict import Finding, Verdict

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"high": "error", "medium": "warning"}


def sarif(verdicts: Iterable[Verdict]) -> dict[str, Any]:
    """One run that holds every finding of the verdicts, as JSON values.

    A denial is a result of its rule's level; a warning a note; one that was waived is suppressed with its reason
    (3.35); what passed has the kind `pass`. The subject is a logical location; viewers that want a file get the policy's.
    """
    asked = tuple(verdicts)
    rules = sorted({finding.rule for verdict in asked for finding in verdict.findings})
    results = [
        _result(finding, verdict, rules.index(finding.rule)) for verdict in asked for finding in verdict.findings
    ]
    driver = {
        "name": "attestflow",
        "version": __version__,
        "semanticVersion": __version__,
        "rules": [_rule(name) for name in rules],
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": True}],
        "results": results,
        "columnKind": "unicodeCodePoints",
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(name: str) -> dict[str, Any]:
    rule = rule_of(name)
    if rule is None:
        text = "What happened at the gate itself, whatever the evidence says."
        return {"id": name, "shortDescription": {"text": text}, "defaultConfiguration": {"level": "error"}}
    found: dict[str, Any] = {
        "id": name,
        "shortDescription": {"text": rule.description},
        "fullDescription": {"text": rule.description},
        "help": {"text": rule.remediation},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"problem.severity": _LEVELS[rule.severity], "tags": ["security", "mlops"]},
    }
    if name in BUILT_IN:
        found["help"]["markdown"] = page(name)
    return found


def _result(finding: Finding, verdict: Verdict, index: int) -> dict[str, Any]:
    rule = rule_of(finding.rule)
    severity = _LEVELS[rule.severity] if rule else "error"
    mend = f" {finding.hint}" if finding.hint else ""
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "kind": "pass" if finding.outcome == "passed" else "fail",
        "level": {"passed": "none", "warned": "note"}.get(finding.outcome, severity),
        "message": {"text": escaped(f"{promotion(verdict)}: {finding.message}.{mend}")},
        "locations": [_location(finding, verdict)],
        "partialFingerprints": {"attestflow/v1": _fingerprint(finding, verdict)},
        "properties": {
            "subject": finding.subject or str(verdict.subject),
            "policy": f"sha256:{verdict.policy_sha256}",
            "evidence": sorted(finding.evidence),
            "verdict": verdict.vsa_identity,
        },
    }
    if finding.waiver is not None:
        waiver = finding.waiver
        reason = escaped(f"{waiver.by} until {waiver.expires}: {waiver.reason}")
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": reason}]
    return result


def _location(finding: Finding, verdict: Verdict) -> dict[str, Any]:
    logical = {
        "name": escaped(verdict.subject_name) or "model",
        "fullyQualifiedName": finding.subject or str(verdict.subject),
        "kind": "resource",
    }
    # The file in a repository that a finding is mended at, if at any: the policy, where `init` puts it.
    file = {"artifactLocation": {"uri": f"policies/{_file_name(verdict.policy_name)}.yaml"}, "region": {"startLine": 1}}
    return {"physicalLocation": file, "logicalLocations": [logical]}


def _file_name(name: str) -> str:
    return "".join(char if char.isalnum() or char in "-_." else "-" for char in name) or "policy"


def _fingerprint(finding: Finding, verdict: Verdict) -> str:
    """The same for the same problem of the same promotion in every run, whatever time and wording do."""
    asked = verdict.transition.to_json() if verdict.transition else None
    return hashlib.sha256(canonical_json([finding.rule, finding.subject, asked, verdict.policy_name])).hexdigest()
