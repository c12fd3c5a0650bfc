"""Fuzz the statement parser, every predicate's parser and the scopes: python fuzz_statement.py CORPUS -max_total_time=60."""

from __future__ import annotations

import contextlib
import sys

import atheris

with atheris.instrument_imports(include=["attestflow"]):
    from attestflow import predicates
    from attestflow.errors import MalformedStatement
    from attestflow.predicates import approval, ml_bom, oms, provenance, reference, sarif, test_result, vsa, vulns
    from attestflow.statement import Statement
    from attestflow.verification.scope import Scope

PARSERS = (
    reference.Reference.parse,
    provenance.Provenance.parse,
    test_result.TestResult.parse,
    ml_bom.MlBom.parse,
    vulns.Vulns.parse,
    sarif.Sarif.parse,
    approval.Approval.parse,
    vsa.Vsa.parse,
    oms.Oms.parse,
)


def one_input(data: bytes) -> None:
    """Parse as a statement; whatever the type says, give its predicate to every parser."""
    try:
        statement = Statement.parse(data)
    except MalformedStatement:
        return
    assert statement.payload == data
    assert (
        Statement.build(statement.subjects, statement.predicate_type, statement.predicate).subjects
        == statement.subjects
    )
    assert "/" not in predicates.path_part(statement.predicate_type)
    with contextlib.suppress(MalformedStatement):
        assert predicates.contents(statement)
    scope = Scope(statement.predicate_type, ("model",), ("https://b",), ("suite",), ("m*",))
    with contextlib.suppress(MalformedStatement):
        scope.objection(statement)
    for parse in PARSERS:
        with contextlib.suppress(MalformedStatement):
            first = parse(statement.predicate)
            if not isinstance(first, oms.Oms):
                assert parse(first.to_json()) == first


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
