"""Rule `observed`: what a run says was seen by somebody whose credentials the run could not reach."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from attestflow.documents import shown
from attestflow.lineage import Lineage
from attestflow.policy.rules.common import short
from attestflow.policy.schema import Context, Parameter
from attestflow.predicates import provenance
from attestflow.verdict import Finding


class Observed:
    """For each of `types` there is an attestation in the lineage, and all of them are by functionaries marked observed."""

    id = "observed"
    severity: Literal["high", "medium"] = "high"
    description = "Runs were attested by who watched them, not by themselves."
    remediation = (
        "Let a service outside the task sign (its key out of the task's reach), and mark it observed in the trust root."
    )
    parameters: Mapping[str, Parameter] = {
        "types": Parameter(
            "texts", "predicate types that must be observed", False, default=(provenance.PREDICATE_TYPE,)
        ),
    }

    def check(self, lineage: Lineage, context: Context, parameters: Mapping[str, Any]) -> Iterator[Finding]:
        """One finding for each type that is missing and each attestation that is self-asserted."""
        good = True
        evidence: list[str] = []
        for wanted in parameters["types"]:
            found = [(node, item) for node in lineage.nodes.values() for item in node.of_type(wanted)]
            if not found:
                good = False
                message = f"nothing in the lineage has an attestation of type {shown(wanted)}"
                yield Finding(self.id, "denied", message, self.remediation, str(lineage.subject))
            for node, item in found:
                evidence.append(item.identity)
                if not item.observed:
                    good = False
                    message = f"{shown(wanted)} about {short(node.content)} is what {item.functionary} says of itself"
                    yield Finding(self.id, "denied", message, self.remediation, str(node.content), (item.identity,))
        if good:
            yield Finding(self.id, "passed", "all runs were observed", None, None, tuple(sorted(set(evidence))))


rule = Observed()
