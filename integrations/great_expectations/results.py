"""From the results of a validation to the predicate test-result/v0.1: names and verdicts, no values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attestflow.documents import shown
from attestflow.errors import ConfigurationError, VerificationError
from attestflow.integrations.great_expectations.suite import Expectation, Suite
from attestflow.predicates.test_result import TestResult


def to_test_result(results: Sequence[Mapping[str, Any]], *, expected: Suite | None = None) -> TestResult:
    """The predicate for one run over one data set (in-toto test-result/v0.1).

    `results` are validation results as `ExpectationSuiteValidationResult.to_json_dict()` gives them. A failed
    expectation of severity `critical` makes it FAILED, of `warning` or `info` WARNED. What was observed in the data
    (values, counts, rows) stays out. `expected` is the suite that was asked for: results that do not cover it exactly
    raise VerificationError. No results, or a result without an expectation, raise ConfigurationError.
    """
    if not results:
        raise ConfigurationError(
            "the validation gave no results", hint="look at the checkpoint's validation definitions"
        )
    passed: list[str] = []
    warned: list[str] = []
    failed: list[str] = []
    suites = []
    for result in results:
        suite, outcomes = _read(result)
        suites.append(suite)
        names = suite.names()
        for expectation, success in outcomes:
            lists = passed if success else failed if expectation.severity == "critical" else warned
            lists.append(names[expectation.canonical()])
    if expected is not None and [suite.sha256 for suite in suites] != [expected.sha256]:
        raise VerificationError(
            f"the results do not cover the suite {shown(expected.name)}: "
            f"digest {suites[0].sha256} ran, {expected.sha256} was asked for",
            hint="expectations that Great Expectations skipped or changed are no evidence",
        )
    return TestResult(
        result="FAILED" if failed else "WARNED" if warned else "PASSED",
        configuration=tuple(suite.descriptor() for suite in suites),
        url=None,
        passed_tests=tuple(sorted(passed)),
        warned_tests=tuple(sorted(warned)),
        failed_tests=tuple(sorted(failed)),
    )


def _read(result: Mapping[str, Any]) -> tuple[Suite, list[tuple[Expectation, bool]]]:
    name = result.get("suite_name")
    where = f"results of suite {shown(name)}"
    entries = result.get("results")
    if not isinstance(name, str) or not isinstance(entries, list):
        raise ConfigurationError(f"{where}: expected a suite_name and a list of results")
    outcomes = []
    for entry in entries:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("success"), bool):
            raise ConfigurationError(f"{where}: a result without true or false in success: {shown(entry)}")
        outcomes.append((Expectation.parse(entry.get("expectation_config"), where), entry["success"]))
    suite = Suite.of(name, [entry["expectation_config"] for entry in entries], where)
    if len({expectation.canonical() for expectation, _ in outcomes}) != len(outcomes):
        raise ConfigurationError(f"{where}: the same expectation stands twice", hint="remove the duplicate")
    return suite, outcomes
