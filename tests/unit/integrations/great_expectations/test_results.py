"""From results to a test-result predicate: every outcome named, no value of the data in it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from attestflow.errors import ConfigurationError, VerificationError
from attestflow.integrations.great_expectations.results import to_test_result
from attestflow.integrations.great_expectations.suite import Suite


def entry(column: str, success: bool, severity: str = "critical", **result: Any) -> dict[str, Any]:
    return {
        "success": success,
        "expectation_config": {
            "type": "expect_column_values_to_not_be_null",
            "kwargs": {"column": column, "batch_id": "b"},
            "severity": severity,
            "id": f"id-{column}",
        },
        "result": result,
    }


def results(*entries: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"suite_name": "people", "success": True, "results": list(entries)}]


def test_passed() -> None:
    made = to_test_result(results(entry("a", True), entry("b", True)))
    assert made.result == "PASSED"
    assert made.passed_tests == ("expect_column_values_to_not_be_null(a)", "expect_column_values_to_not_be_null(b)")
    assert made.configuration[0].name == "people"


def test_one_critical_failure_fails_all() -> None:
    made = to_test_result(results(entry("a", True), entry("b", False, "warning"), entry("c", False)))
    assert (made.result, len(made.passed_tests), len(made.warned_tests), len(made.failed_tests)) == ("FAILED", 1, 1, 1)


@pytest.mark.parametrize("severity", ["warning", "info"])
def test_only_warnings_warn(severity: str) -> None:
    assert to_test_result(results(entry("a", True), entry("b", False, severity))).result == "WARNED"


def test_the_success_flag_of_the_whole_is_not_believed() -> None:
    assert to_test_result(results(entry("a", False))).result == "FAILED"


def test_no_failing_value_stays() -> None:
    leaked = entry("ssn", False, partial_unexpected_list=["078-05-1120"], observed_value="078-05-1120")
    assert "078-05-1120" not in json.dumps(to_test_result(results(leaked)).to_json())


def test_results_that_cover_the_suite_pass() -> None:
    ran = results(entry("a", True), entry("b", True))
    asked = Suite.of("people", [each["expectation_config"] for each in ran[0]["results"]], "test")
    assert to_test_result(ran, expected=asked).result == "PASSED"


def test_a_result_that_skipped_an_expectation_is_no_evidence() -> None:
    ran = results(entry("a", True), entry("b", True))
    asked = Suite.of("people", [each["expectation_config"] for each in ran[0]["results"]], "test")
    with pytest.raises(VerificationError, match="do not cover"):
        to_test_result(results(entry("a", True)), expected=asked)


@pytest.mark.parametrize(
    "broken",
    [
        [],
        [{"suite_name": "s", "results": []}],
        [{"suite_name": "s"}],
        [{"results": [entry("a", True)]}],
        [{"suite_name": "s", "results": [{"success": True}]}],
        [{"suite_name": "s", "results": [{**entry("a", True), "success": "yes"}]}],
        [{"suite_name": "s", "results": [{**entry("a", True), "success": None}]}],
        [{"suite_name": "s", "results": [entry("a", True), entry("a", False)]}],
    ],
)
def test_what_says_nothing_is_refused(broken: list[dict[str, Any]]) -> None:
    with pytest.raises(ConfigurationError):
        to_test_result(broken)
