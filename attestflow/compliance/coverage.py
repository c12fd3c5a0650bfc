"""What a verdict shows of a framework, row by row. It says what was checked; whether that is enough, nobody's tool can say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from attestflow.compliance.framework import Framework, Row
from attestflow.errors import MalformedStatement
from attestflow.lineage import Lineage
from attestflow.mlbom.completeness import ELEMENTS, present
from attestflow.predicates import ml_bom
from attestflow.verdict import Verdict

State = Literal["shown", "partly", "not shown", "not asked", "outside"]


@dataclass(frozen=True, slots=True)
class Covered:
    """One row: `shown` where all that was asked for it holds, `partly` where some of it does, `not shown` where nothing does.

    `not asked`: the policy has none of its rules, and no element of an ML-BOM serves it; `outside`: no rule can. `rules` has
    each rule of the row that the policy asks with its outcome, `elements` each element and whether it is there.
    """

    row: Row
    state: State
    rules: Mapping[str, str]
    elements: Mapping[str, bool]
    evidence: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The row as JSON values."""
        return {
            "id": self.row.id,
            "title": self.row.title,
            "state": self.state,
            "rules": dict(self.rules),
            "notInPolicy": sorted(set(self.row.rules) - self.rules.keys()),
            "elements": dict(self.elements),
            "evidence": list(self.evidence),
            "note": self.row.note,
        }


def coverage(framework: Framework, verdict: Verdict, lineage: Lineage) -> tuple[Covered, ...]:
    """What `verdict`, reached over `lineage`, shows of each row."""
    elements = _elements(lineage)
    return tuple(_covered(row, verdict, elements) for row in framework.rows)


def _covered(row: Row, verdict: Verdict, present_elements: frozenset[str]) -> Covered:
    rules: dict[str, str] = {}
    evidence: set[str] = set()
    for finding in verdict.findings:
        if finding.rule in row.rules:
            rules[finding.rule] = _worse(rules.get(finding.rule, "passed"), finding.outcome)
            evidence |= set(finding.evidence)
    elements = {name: name in present_elements for name in row.elements}
    good = [outcome == "passed" for outcome in rules.values()] + list(elements.values())
    state: State
    if not row.rules and not row.elements:
        state = "outside"
    elif not good:
        state = "not asked"
    else:
        state = "shown" if all(good) and (rules or not row.rules) else "partly" if any(good) else "not shown"
    return Covered(row, state, rules, elements, tuple(sorted(evidence)))


def _worse(one: str, other: str) -> str:
    order = ("passed", "warned", "excepted", "denied")
    return max(one, other, key=order.index)


def _elements(lineage: Lineage) -> frozenset[str]:
    """The elements of the most complete ML-BOM about the model whose signer the trust root lets sign one."""
    found: frozenset[str] = frozenset()
    for item in lineage.root.of_type(ml_bom.PREDICATE_TYPE):
        try:
            here = present(item.statement.predicate)
        except MalformedStatement:
            continue
        found = max(found, here, key=len)
    return found & ELEMENTS.keys()
