"""Which predicate a report file is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from attestflow.cli.junit import read_junit
from attestflow.documents import parse_json, shown
from attestflow.errors import ConfigurationError
from attestflow.predicates import checklist, ml_bom, runtime_trace, sarif, test_result, vulns
from attestflow.subject import ResourceDescriptor

MAX_REPORT = 12 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Report:
    """A report as the predicate of a statement, what it is in words, and the role that signs it by default."""

    what: str
    predicate_type: str
    predicate: Mapping[str, Any]
    role: str


def read_report(data: bytes, name: str, predicate_type: str | None, suite: ResourceDescriptor | None = None) -> Report:
    """Tell SARIF 2.1.0, CycloneDX, JUnit XML, in-toto test-result and vulns from their own marks, and check their shape.

    `suite` describes what a JUnit report is about. Raises ConfigurationError when the file is none of them and no
    `predicate_type` says what it is.
    """
    if predicate_type is None and data.lstrip().startswith(b"<"):
        if len(data) > MAX_REPORT:
            raise ConfigurationError(f"{shown(name)} is larger than {MAX_REPORT} bytes")
        return Report("test result", test_result.PREDICATE_TYPE, read_junit(data, name, suite).to_json(), "validation")
    document = parse_json(data, name, max_bytes=MAX_REPORT, error=ConfigurationError)
    if not isinstance(document, dict):
        raise ConfigurationError(f"{shown(name)} holds no JSON object", hint="a report is one JSON object")
    found = predicate_type or _told(document)
    if found is None:
        raise ConfigurationError(
            f"{shown(name)} is no SARIF, CycloneDX, JUnit, in-toto test result or vulns document",
            hint="say what it is with --type URI",
        )
    match found:
        case sarif.PREDICATE_TYPE:
            predicate = (
                document if "reportDigestSet" in document else sarif.Sarif.of_report(document, name, data).to_json()
            )
            return Report("SARIF report", found, predicate, "pipeline")
        case ml_bom.PREDICATE_TYPE:
            ml_bom.MlBom.parse(document, name)
            return Report("bill of materials", found, document, "pipeline")
        case test_result.PREDICATE_TYPE:
            test_result.TestResult.parse(document, name)
            return Report("test result", found, document, "validation")
        case vulns.PREDICATE_TYPE:
            vulns.Vulns.parse(document, name)
            return Report("vulnerability report", found, document, "pipeline")
        case checklist.PREDICATE_TYPE:
            checklist.Checklist.parse(document, name)
            return Report("checklist", found, document, "owner")
        case runtime_trace.PREDICATE_TYPE:
            runtime_trace.RuntimeTrace.parse(document, name)
            return Report("runtime trace", found, document, "validation")
        case _:
            return Report("report", found, document, "pipeline")


def _told(document: Mapping[str, Any]) -> str | None:
    if document.get("bomFormat") == "CycloneDX":
        return ml_bom.PREDICATE_TYPE
    if document.get("version") == "2.1.0" and "runs" in document:
        return sarif.PREDICATE_TYPE
    if "result" in document and "configuration" in document:
        return test_result.PREDICATE_TYPE
    if "monitor" in document and "monitorLog" in document:
        return runtime_trace.PREDICATE_TYPE
    return vulns.PREDICATE_TYPE if "scanner" in document and "metadata" in document else None
