"""Rule `tests-passed`: software tests, evaluation, bias tests, whatever a suite checks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attestflow.documents import shown
from attestflow.lineage import Lineage, Node
from attestflow.policy.rules.about import ABOUT
from attestflow.policy.rules.common import BY, MAX_AGE
from attestflow.policy.rules.report_rule import ReportRule
from attestflow.policy.schema import Context, Parameter
from attestflow.predicates import test_result
from attestflow.predicates.test_result import TestResult
from attestflow.verification.verifier import VerifiedStatement

SUITES = Parameter("texts", "SHA-256 (hex) of the suites that count; any suite otherwise", False)


class TestsPassed(ReportRule):
    """The newest test result by `by`, of one of `suites`, on each content that `about` selects is PASSED."""

    __test__ = False  # not a test case, whatever pytest thinks of the name

    id = "tests-passed"
    description = "A test suite passed on the model, its code or its data, at this digest."
    remediation = "Run the suite and sign its result: `attestflow attest report junit.xml --about TARGET`."
    report = "test result"
    predicate_type = test_result.PREDICATE_TYPE
    parameters: Mapping[str, Parameter] = {
        "by": BY,
        "about": ABOUT,
        "suites": SUITES,
        "tests": Parameter("texts", "names of tests that must be among those that passed", False),
        "atLeast": Parameter("count", "how many tests must have passed", False),
        "maxAge": MAX_AGE,
    }

    def counts(self, item: VerifiedStatement, node: Node, parameters: Mapping[str, Any]) -> bool:
        return of_suites(item, parameters["suites"])

    def problems(
        self, item: VerifiedStatement, node: Node, lineage: Lineage, context: Context, parameters: Mapping[str, Any]
    ) -> Iterator[str]:
        result = TestResult.parse(item.statement.predicate)
        if result.result != "PASSED":
            bad = ", ".join(shown(test, 60) for test in (*result.failed_tests, *result.warned_tests)[:3])
            yield f"the tests {result.result}{': ' + bad if bad else ''}"
        missing = sorted(set(parameters["tests"] or ()) - set(result.passed_tests))
        if missing:
            yield f"{', '.join(shown(test, 60) for test in missing[:3])} did not run"
        wanted = parameters["atLeast"]
        if wanted is not None and len(set(result.passed_tests)) < wanted:
            yield f"{len(set(result.passed_tests))} tests passed, not {wanted}"


def of_suites(item: VerifiedStatement, suites: tuple[str, ...] | None) -> bool:
    """Whether a test result names these suites and no other by digest; None allows any."""
    configuration = TestResult.parse(item.statement.predicate).configuration
    return suites is None or all(entry.digest.get("sha256") in suites for entry in configuration)


rule = TestsPassed()
