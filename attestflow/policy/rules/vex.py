"""VEX: statements that a vulnerability does no harm here, in CycloneDX (ECMA-424, vulnerabilities) or OpenVEX 0.2.0."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from attestflow.lineage import Node
from attestflow.predicates import ml_bom

OPENVEX_TYPE = "https://openvex.dev/ns/v0.2.0"
_HARMLESS = frozenset({"not_affected", "false_positive", "resolved", "resolved_with_pedigree"})
_OPENVEX_HARMLESS = frozenset({"not_affected", "fixed"})


def not_affected(node: Node, by: Collection[str]) -> frozenset[str]:
    """Ids of the vulnerabilities that VEX statements by `by` about this very content answer, each with a justification.

    Where two statements contradict each other the vulnerability is not answered.
    """
    answers: dict[str, bool] = {}
    for item in node.attestations:
        if item.functionary not in by:
            continue
        for name, harmless in _statements(item.statement.predicate_type, item.statement.predicate):
            answers[name] = harmless and answers.get(name, True)
    return frozenset(name for name, harmless in answers.items() if harmless)


def _statements(predicate_type: str, document: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    if predicate_type == ml_bom.PREDICATE_TYPE:
        for entry in _objects(document.get("vulnerabilities")):
            analysis = entry.get("analysis")
            if isinstance(entry.get("id"), str) and isinstance(analysis, Mapping):
                yield entry["id"], _cyclonedx(analysis)
    elif predicate_type == OPENVEX_TYPE:
        for entry in _objects(document.get("statements")):
            named = entry.get("vulnerability")
            name = named.get("name") if isinstance(named, Mapping) else named
            if isinstance(name, str):
                yield name, _openvex(entry)


def _cyclonedx(analysis: Mapping[str, Any]) -> bool:
    reasoned = bool(analysis.get("justification") or analysis.get("detail"))
    return analysis.get("state") in _HARMLESS and (reasoned or analysis.get("state") != "not_affected")


def _openvex(entry: Mapping[str, Any]) -> bool:
    reasoned = bool(entry.get("justification") or entry.get("impact_statement"))
    return entry.get("status") in _OPENVEX_HARMLESS and (reasoned or entry.get("status") != "not_affected")


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []
