"""Predicate types, one module each: `PREDICATE_TYPE`, a frozen value with `parse` and `to_json`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType

from attestflow.digest import ContentDigest
from attestflow.predicates import (
    approval,
    checklist,
    exception,
    http_snapshot,
    ml_bom,
    oms,
    provenance,
    reference,
    runtime_trace,
    sarif,
    test_result,
    vsa,
    vulns,
)
from attestflow.statement import Statement

SHORT_NAMES: Mapping[str, str] = MappingProxyType(
    {
        reference.PREDICATE_TYPE: "reference",
        provenance.PREDICATE_TYPE: "provenance",
        test_result.PREDICATE_TYPE: "test-result",
        ml_bom.PREDICATE_TYPE: "ml-bom",
        vulns.PREDICATE_TYPE: "vulns",
        sarif.PREDICATE_TYPE: "sarif",
        approval.PREDICATE_TYPE: "approval",
        exception.PREDICATE_TYPE: "exception",
        runtime_trace.PREDICATE_TYPE: "runtime-trace",
        checklist.PREDICATE_TYPE: "checklist",
        http_snapshot.PREDICATE_TYPE: "http-snapshot",
        vsa.PREDICATE_TYPE: "vsa",
        oms.PREDICATE_TYPE: "oms",
    }
)


def path_part(predicate_type: str) -> str:
    """The part of a store's paths for a predicate type: a name from the table, or the SHA-256 (hex) of the URI."""
    return SHORT_NAMES.get(predicate_type) or hashlib.sha256(predicate_type.encode("utf-8")).hexdigest()


def contents(statement: Statement) -> tuple[ContentDigest, ...]:
    """The contents that a statement speaks about: its subjects, or for an OMS signature what its resources list."""
    if statement.predicate_type == oms.PREDICATE_TYPE:
        return (oms.read(statement).content,)
    return statement.contents()
