"""Rule `whole-subjects`: nothing in the lineage was attested in part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from attestflow.documents import shown
from attestflow.lineage import Lineage, Node
from attestflow.policy.rules.common import content_attestations, short
from attestflow.policy.schema import Context, Parameter
from attestflow.verdict import Finding


class WholeSubjects:
    """No content of the lineage is known by a partial attestation (`--include`) alone."""

    id = "whole-subjects"
    severity: Literal["high", "medium"] = "medium"
    description = "Data sets and models were attested whole, not only selected files of them."
    remediation = "Attest the whole tree, without --include."
    parameters: Mapping[str, Parameter] = {}

    def check(self, lineage: Lineage, context: Context, parameters: Mapping[str, Any]) -> Iterator[Finding]:
        partial = [node for node in lineage.nodes.values() if _is_partial(node, context)]
        for node in partial:
            yield Finding(
                self.id,
                "denied",
                f"only a part of {shown(node.name)} ({short(node.content)}) was attested",
                self.remediation,
                str(node.content),
            )
        if not partial:
            yield Finding(self.id, "passed", "nothing was attested in part")


def _is_partial(node: Node, context: Context) -> bool:
    found = content_attestations(node, context.trust_root.functionaries)
    selections = ["selection" in subject.annotations for item in found for subject in item.statement.subjects]
    return bool(selections) and all(selections)


rule = WholeSubjects()
