"""JUnit XML as a test result: names of tests and how they came out, nothing of what they printed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

from attestflow.documents import shown
from attestflow.errors import ConfigurationError
from attestflow.predicates.test_result import TestResult
from attestflow.subject import ResourceDescriptor

MAX_TESTS = 100_000


def read_junit(data: bytes, name: str, suite: ResourceDescriptor | None) -> TestResult:
    """The result of a JUnit report: FAILED where a test failed or broke, WARNED where one was skipped.

    `suite` describes what was run, by digest; the report's own name for it stands there otherwise. Raises ConfigurationError
    for what is no JUnit report, holds no test, or declares a document type (whose entities could be made to grow).
    """
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data or b"\x00" in data:
        raise ConfigurationError(f"{shown(name)} declares a document type, which no JUnit report needs")
    try:
        root = ElementTree.fromstring(data)  # noqa: S314 - without a document type there are no entities
    except (ElementTree.ParseError, ValueError, LookupError) as exc:
        raise ConfigurationError(f"{shown(name)} is no XML: {exc}") from None
    if root.tag not in ("testsuites", "testsuite"):
        raise ConfigurationError(f"{shown(name)} is no JUnit report: it begins with {shown(root.tag, 40)}")
    found: dict[str, list[str]] = {"passed": [], "warned": [], "failed": []}
    for test, outcome in _tests(root):
        found[outcome].append(test)
    count = sum(map(len, found.values()))
    if not count or count > MAX_TESTS:
        raise ConfigurationError(
            f"{shown(name)} holds {count} tests", hint="did the test run break before its first test?"
        )
    result = "FAILED" if found["failed"] else "WARNED" if found["warned"] else "PASSED"
    title = next((each.get("name") for each in root.iter("testsuite") if each.get("name")), None) or "tests"
    configuration = (suite or ResourceDescriptor(name=title),)
    return TestResult(
        result,
        configuration,
        passed_tests=tuple(found["passed"]),
        warned_tests=tuple(found["warned"]),
        failed_tests=tuple(found["failed"]),
    )


def _tests(root: Any) -> Iterator[tuple[str, str]]:
    for case in root.iter("testcase"):
        name = ".".join(part for part in (case.get("classname"), case.get("name")) if part) or "a test without a name"
        children = {child.tag for child in case}
        yield name, "failed" if children & {"failure", "error"} else "warned" if "skipped" in children else "passed"
