"""predicates: each type reads what it writes and refuses what it must; the table of store paths is fixed."""

from __future__ import annotations

import contextlib
import copy
import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from attestflow.errors import MalformedStatement
from attestflow.predicates import SHORT_NAMES, approval, ml_bom, path_part, provenance, sarif, test_result, vsa, vulns
from attestflow.subject import ResourceDescriptor

HEX, OTHER = "0a" * 32, "0b" * 32
TIME = "2026-01-01T00:00:00Z"
SUITE = ResourceDescriptor(name="suite", digest={"sha256": HEX})

PROVENANCE = provenance.Provenance(
    build_type=provenance.BUILD_TYPE_TRAINING,
    external_parameters={"depth": 3},
    builder_id="https://attestflow.dev/builders/airflow",
    inputs=(SUITE,),
    invocation_id="run/1",
    started_on=TIME,
    finished_on="2026-01-01T00:00:01Z",
    byproducts=(ResourceDescriptor(name="metrics", digest={"sha256": OTHER}),),
)
RESULT = test_result.TestResult("WARNED", (SUITE,), "https://example.org/run", ("a",), ("b",), ())
APPROVAL = approval.Approval(
    "approved", "reg", "m", "alias:production", f"tree:sha256:{HEX}", HEX, OTHER, TIME, "ok", (OTHER,)
)
VSA = vsa.Vsa(
    "https://attestflow.dev/verifier", TIME, "models:/m", "policy", HEX, (OTHER,), "FAILED", ("FAILED",), {"x": 1}
)
REPORT = {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "t"}}, "results": []}]}
SARIF = sarif.Sarif.of_report(REPORT, "r.sarif", b"bytes")
BOM = {"bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": "urn:uuid:x", "components": [{"name": "m"}]}
VULNS = {
    "scanner": {"uri": "pkg:pypi/pip-audit", "db": {"lastUpdate": TIME}, "result": [{"id": "CVE-1", "severity": []}]},
    "metadata": {"scanStartedOn": TIME, "scanFinishedOn": TIME},
}


@pytest.mark.parametrize("value", [PROVENANCE, RESULT, APPROVAL, VSA, SARIF])
def test_what_is_written_is_read_back(value: Any) -> None:
    assert type(value).parse(value.to_json()) == value


def test_documents_of_others_are_kept_whole() -> None:
    bom = ml_bom.MlBom.parse(BOM)
    assert (bom.to_json(), bom.spec_version, bom.serial_number, bom.components) == (BOM, "1.6", "urn:uuid:x", 1)
    found = vulns.Vulns.parse(VULNS)
    assert (found.to_json(), found.ids, found.database_updated, found.finished_on) == (VULNS, ("CVE-1",), TIME, TIME)
    assert SARIF.sha256 == hashlib.sha256(b"bytes").hexdigest()


def test_optional_fields_may_be_missing() -> None:
    smallest = provenance.Provenance("https://b", {}, "https://x")
    assert provenance.Provenance.parse(smallest.to_json()) == smallest
    bare = {
        "buildDefinition": {"buildType": "https://b", "externalParameters": {}},
        "runDetails": {"builder": {"id": "https://x"}},
    }
    assert provenance.Provenance.parse(bare) == smallest
    none = approval.Approval("rejected", "r", "m", "stage:Production", None, HEX, HEX, TIME)
    assert approval.Approval.parse(none.to_json()) == none
    assert vsa.Vsa.parse({**VSA.to_json(), "inputAttestations": [{"digest": {"sha256": HEX}}]}).input_attestations == ()


def changed(document: dict[str, Any], path: str, value: Any = None, *, drop: bool = False) -> dict[str, Any]:
    """A copy of `document` with the field at `path` ("a.b.0.c") replaced or dropped."""
    result = copy.deepcopy(document)
    holder: Any = result
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for part in parents:
        holder = holder[part]
    if drop:
        del holder[last]
    else:
        holder[last] = value
    return result


BAD: list[tuple[Callable[[Any], Any], dict[str, Any], str, Any]] = [
    (provenance.Provenance.parse, PROVENANCE.to_json(), "buildDefinition", []),
    (provenance.Provenance.parse, PROVENANCE.to_json(), "buildDefinition.buildType", "training"),
    (provenance.Provenance.parse, PROVENANCE.to_json(), "buildDefinition.externalParameters", None),
    (provenance.Provenance.parse, PROVENANCE.to_json(), "buildDefinition.resolvedDependencies", {}),
    (
        provenance.Provenance.parse,
        PROVENANCE.to_json(),
        "buildDefinition.resolvedDependencies.0.digest",
        {"sha256": "x"},
    ),
    (provenance.Provenance.parse, PROVENANCE.to_json(), "runDetails.builder.id", None),
    (provenance.Provenance.parse, PROVENANCE.to_json(), "runDetails.metadata.startedOn", "yesterday"),
    (provenance.Provenance.parse, PROVENANCE.to_json(), "runDetails.metadata.finishedOn", "2025-12-31T23:59:59Z"),
    (test_result.TestResult.parse, RESULT.to_json(), "result", "OK"),
    (test_result.TestResult.parse, RESULT.to_json(), "result", "PASSED"),
    (test_result.TestResult.parse, RESULT.to_json(), "failedTests", ["c"]),
    (test_result.TestResult.parse, RESULT.to_json(), "configuration", []),
    (test_result.TestResult.parse, RESULT.to_json(), "configuration", None),
    (test_result.TestResult.parse, RESULT.to_json(), "passedTests", "a"),
    (ml_bom.MlBom.parse, BOM, "bomFormat", "SPDX"),
    (ml_bom.MlBom.parse, BOM, "specVersion", "1.4"),
    (ml_bom.MlBom.parse, BOM, "components", []),
    (ml_bom.MlBom.parse, BOM, "components", ["m"]),
    (vulns.Vulns.parse, VULNS, "scanner.result", None),
    (vulns.Vulns.parse, VULNS, "scanner.result", [{"severity": []}]),
    (vulns.Vulns.parse, VULNS, "scanner.db.lastUpdate", "today"),
    (vulns.Vulns.parse, VULNS, "metadata.scanFinishedOn", None),
    (sarif.Sarif.parse, SARIF.to_json(), "report.version", "2.0.0"),
    (sarif.Sarif.parse, SARIF.to_json(), "report.runs", []),
    (sarif.Sarif.parse, SARIF.to_json(), "report.runs.0.results", None),
    (sarif.Sarif.parse, SARIF.to_json(), "report.runs.0.tool", {}),
    (sarif.Sarif.parse, SARIF.to_json(), "reportDigestSet.sha256", "x"),
    (approval.Approval.parse, APPROVAL.to_json(), "decision", "maybe"),
    (approval.Approval.parse, APPROVAL.to_json(), "registry", ""),
    (approval.Approval.parse, APPROVAL.to_json(), "transition", "production"),
    (approval.Approval.parse, APPROVAL.to_json(), "transition", "alias:"),
    (approval.Approval.parse, APPROVAL.to_json(), "production", HEX),
    (approval.Approval.parse, APPROVAL.to_json(), "production", ""),
    (approval.Approval.parse, APPROVAL.to_json(), "policy", None),
    (approval.Approval.parse, APPROVAL.to_json(), "expires", "2026-01-01"),
    (approval.Approval.parse, APPROVAL.to_json(), "supersedes", ["x"]),
    (approval.Approval.parse, APPROVAL.to_json(), "reason", "x" * 5000),
    (approval.Approval.parse, APPROVAL.to_json(), "extra", 1),
    (vsa.Vsa.parse, VSA.to_json(), "verifier", {}),
    (vsa.Vsa.parse, VSA.to_json(), "timeVerified", None),
    (vsa.Vsa.parse, VSA.to_json(), "policy.digest", {}),
    (vsa.Vsa.parse, VSA.to_json(), "verificationResult", "PASSED"),
    (vsa.Vsa.parse, VSA.to_json(), "verificationResult", "passed"),
    (vsa.Vsa.parse, VSA.to_json(), "verifiedLevels", []),
    (vsa.Vsa.parse, VSA.to_json(), "inputAttestations", ["x"]),
    (vsa.Vsa.parse, VSA.to_json(), "inputAttestations.0.digest.dssePaeSha256", "x"),
    (vsa.Vsa.parse, VSA.to_json(), "attestflow_verdict", []),
]


@pytest.mark.parametrize(
    ("parse", "document", "path", "value"), BAD, ids=[f"{entry[2]}={entry[3]!r:.20}" for entry in BAD]
)
def test_bad_fields_are_refused_with_their_place(parse: Any, document: dict[str, Any], path: str, value: Any) -> None:
    assert parse(document)
    with pytest.raises(MalformedStatement, match=r"^predicate"):
        parse(changed(document, path, value))


def test_nothing_in_production_is_said_and_not_left_out() -> None:
    with pytest.raises(MalformedStatement, match="production: missing"):
        approval.Approval.parse(changed(APPROVAL.to_json(), "production", drop=True))


@pytest.mark.parametrize("junk", [None, 0, "", [], {}, [[]], {"a": 1}])
@pytest.mark.parametrize(
    ("parse", "document"),
    [
        (provenance.Provenance.parse, PROVENANCE.to_json()),
        (test_result.TestResult.parse, RESULT.to_json()),
        (ml_bom.MlBom.parse, BOM),
        (vulns.Vulns.parse, VULNS),
        (sarif.Sarif.parse, SARIF.to_json()),
        (approval.Approval.parse, APPROVAL.to_json()),
        (vsa.Vsa.parse, VSA.to_json()),
    ],
)
def test_junk_in_any_field_ends_in_the_one_error_or_a_value(parse: Any, document: dict[str, Any], junk: Any) -> None:
    def paths(value: Any, at: str = "") -> list[str]:
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        return [path for name, child in inner for path in (f"{at}{name}", *paths(child, f"{at}{name}."))]

    for path in paths(document):
        for candidate in (changed(document, path, junk), changed(document, path, drop=True)):
            with contextlib.suppress(MalformedStatement):
                parse(candidate)


def test_the_names_in_store_paths_never_change() -> None:
    assert dict(SHORT_NAMES) == {
        "https://in-toto.io/attestation/reference/v0.1": "reference",
        "https://slsa.dev/provenance/v1": "provenance",
        "https://in-toto.io/attestation/test-result/v0.1": "test-result",
        "https://cyclonedx.org/bom": "ml-bom",
        "https://in-toto.io/attestation/vulns/v0.2": "vulns",
        "https://witness.dev/attestations/sarif/v0.1": "sarif",
        "https://attestflow.dev/approval/v1": "approval",
        "https://attestflow.dev/exception/v1": "exception",
        "https://in-toto.io/attestation/runtime-trace/v0.1": "runtime-trace",
        "https://attestflow.dev/checklist/v1": "checklist",
        "https://attestflow.dev/http-snapshot/v1": "http-snapshot",
        "https://slsa.dev/verification_summary/v1": "vsa",
        "https://model_signing/signature/v1.0": "oms",
    }
    hostile = "https://evil.example/../../etc"
    assert path_part(hostile) == hashlib.sha256(hostile.encode()).hexdigest()
