"""Rule `data-validated`: each data set that the training read passed its validation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from attestflow.digest import ContentDigest
from attestflow.documents import shown
from attestflow.lineage import Lineage
from attestflow.policy.rules.common import BY, MAX_AGE, age_words, created_on, short
from attestflow.policy.rules.origins import origins
from attestflow.policy.schema import Context, Parameter
from attestflow.predicates import test_result
from attestflow.predicates.test_result import TestResult
from attestflow.verdict import Finding
from attestflow.verification.verifier import VerifiedStatement

NOT_DATA = (frozenset({"model"}), frozenset({"code"}))


class DataValidated:
    """For each data set that a training run read, the newest test result by `by` on this very digest is PASSED."""

    id = "data-validated"
    severity: Literal["high", "medium"] = "high"
    description = "Each data set that the training read passed validation, at the digest that was read."
    remediation = "Validate the data set (`ValidateDatasetOperator`, or `attestflow attest report`) and train on it."
    parameters: Mapping[str, Parameter] = {
        "by": BY,
        "maxAge": MAX_AGE,
        "suites": Parameter("texts", "SHA-256 (hex) of the suites that count; any suite otherwise", False),
    }

    def check(self, lineage: Lineage, context: Context, parameters: Mapping[str, Any]) -> Iterator[Finding]:
        data = _data_sets(lineage)
        if not data:
            message = "no training run in the lineage read a data set"
            yield Finding(self.id, "denied", message, "declare the inputs of the training task", str(lineage.subject))
        for content, name in data.items():
            yield self._one(lineage, context, parameters, content, name)

    def _one(
        self, lineage: Lineage, context: Context, parameters: Mapping[str, Any], content: ContentDigest, name: str
    ) -> Finding:
        title, subject = f"{shown(name)} ({short(content)})", str(content)
        results = _results(lineage, content, parameters)
        if not results:
            message = f"{title} was not validated by {' or '.join(parameters['by'])} at this digest"
            return Finding(self.id, "denied", message, self.remediation, subject)
        dated = [(created_on(item, content), item, result) for item, result in results]
        if any(moment is None or context.is_future(moment) for moment, _, _ in dated):
            message = f"a validation of {title} states no time, or one in the future"
            return Finding(self.id, "denied", message, "is a clock wrong? validate again", subject)
        newest = max(moment for moment, _, _ in dated if moment is not None)
        last = [(item, result) for moment, item, result in dated if moment == newest]
        evidence = tuple(item.identity for item, _ in last)
        bad = [result for _, result in last if result.result != "PASSED"]
        if bad:
            tests = ", ".join(shown(test, 60) for test in (*bad[0].failed_tests, *bad[0].warned_tests)[:3])
            message = f"{title} did not pass its last validation: {bad[0].result}{': ' + tests if tests else ''}"
            return Finding(self.id, "denied", message, "mend the data, then validate it again", subject, evidence)
        age = context.now - newest
        limit = parameters["maxAge"]
        if limit is not None and age > limit:
            message = f"{title} was validated {age_words(age)} ago, more than {age_words(limit)}"
            return Finding(self.id, "denied", message, "validate it again", subject, evidence)
        count = len(last[0][1].passed_tests)
        message = f"{title} passed {f'{count} tests' if count else 'validation'}, signed by {last[0][0].functionary}"
        return Finding(self.id, "passed", message, None, subject, evidence)


def _data_sets(lineage: Lineage) -> dict[ContentDigest, str]:
    """What the training runs read that is not attested as a model or code, and nothing else: unknown means data."""
    found: dict[ContentDigest, str] = {}
    functionaries = {item.functionary for node in lineage.nodes.values() for item in node.attestations}
    for origin in origins(lineage, functionaries):
        for item in lineage.inputs.get(origin.content, ()):
            read = item.via == origin.statement and item.content is not None
            if read and item.content and lineage.nodes[item.content].kinds not in NOT_DATA:
                found[item.content] = item.name
    return found


def _results(
    lineage: Lineage, content: ContentDigest, parameters: Mapping[str, Any]
) -> list[tuple[VerifiedStatement, TestResult]]:
    suites = parameters["suites"]
    found = []
    for item in lineage.nodes[content].of_type(test_result.PREDICATE_TYPE):
        result = TestResult.parse(item.statement.predicate)
        pinned = suites is None or all(entry.digest.get("sha256") in suites for entry in result.configuration)
        if item.functionary in parameters["by"] and pinned:
            found.append((item, result))
    return found


rule = DataValidated()
