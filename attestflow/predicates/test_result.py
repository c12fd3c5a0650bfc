"""in-toto test results v0.1: data validation, bias and evaluation tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from attestflow.errors import MalformedStatement
from attestflow.predicates import fields
from attestflow.subject import ResourceDescriptor

PREDICATE_TYPE = "https://in-toto.io/attestation/test-result/v0.1"
RESULTS = ("PASSED", "WARNED", "FAILED")


@dataclass(frozen=True, slots=True)
class TestResult:
    """One run of a test suite (in-toto predicates/test-result.md, v0.1); `configuration` names the suite by digest."""

    __test__ = False  # not a test case, whatever pytest thinks of the name

    result: str
    configuration: tuple[ResourceDescriptor, ...]
    url: str | None = None
    passed_tests: tuple[str, ...] = ()
    warned_tests: tuple[str, ...] = ()
    failed_tests: tuple[str, ...] = ()

    @classmethod
    def parse(cls, predicate: Mapping[str, Any], where: str = "predicate") -> TestResult:
        """Read the predicate; raises MalformedStatement with the place.

        A result that its own lists contradict (PASSED with failed or warned tests, WARNED with failed ones) is refused.
        """
        result = fields.choice(predicate, "result", where, RESULTS)
        fields.items(predicate, "configuration", where)
        configuration = fields.descriptors(predicate, "configuration", where)
        if not configuration:
            raise MalformedStatement(f"{where}.configuration: names no suite")
        passed, warned, failed = (
            fields.texts(predicate, f"{name}Tests", where) for name in ("passed", "warned", "failed")
        )
        if (result != "FAILED" and failed) or (result == "PASSED" and warned):
            raise MalformedStatement(f"{where}.result: {result}, and tests are listed that did not pass")
        return cls(result, configuration, fields.optional_text(predicate, "url", where), passed, warned, failed)

    def to_json(self) -> dict[str, Any]:
        """The predicate as JSON values."""
        return fields.without_none(
            {
                "result": self.result,
                "configuration": [descriptor.to_json() for descriptor in self.configuration],
                "url": self.url,
                "passedTests": list(self.passed_tests),
                "warnedTests": list(self.warned_tests),
                "failedTests": list(self.failed_tests),
            }
        )
