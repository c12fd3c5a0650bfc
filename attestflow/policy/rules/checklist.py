"""Rule `checklist`: a release checklist, each item ticked by who may."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from attestflow.documents import shown
from attestflow.lineage import Lineage, Node
from attestflow.policy.rules.common import BY, MAX_AGE
from attestflow.policy.rules.report_rule import ReportRule
from attestflow.policy.schema import Context, Parameter
from attestflow.predicates import checklist
from attestflow.verification.verifier import VerifiedStatement


class ChecklistRule(ReportRule):
    """The newest checklist by `by` about the model has each of `items`, and all that stand in it are done."""

    id = "checklist"
    severity: Literal["high", "medium"] = "medium"
    description = "The release checklist is complete."
    remediation = "Finish the list, then `attestflow attest report checklist.json --about TARGET`."
    report = "checklist"
    predicate_type = checklist.PREDICATE_TYPE
    parameters: Mapping[str, Parameter] = {
        "by": BY,
        "items": Parameter("texts", "the ids of the items that the list must have"),
        "maxAge": MAX_AGE,
    }

    def problems(
        self, item: VerifiedStatement, node: Node, lineage: Lineage, context: Context, parameters: Mapping[str, Any]
    ) -> Iterator[str]:
        done = checklist.Checklist.parse(item.statement.predicate).done
        for name in parameters["items"]:
            if name not in done:
                yield f"{shown(name, 80)} is not on the list"
        for name, ticked in done.items():
            if not ticked:
                yield f"{shown(name, 80)} is not done"


rule = ChecklistRule()
