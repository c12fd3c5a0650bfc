"""Rule `ml-bom`: a signed ML-BOM describes the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from attestflow.errors import MalformedStatement
from attestflow.lineage import Lineage
from attestflow.mlbom.inspect import summary
from attestflow.policy.rules.common import BY, short
from attestflow.policy.schema import Context, Parameter
from attestflow.predicates import ml_bom
from attestflow.verdict import Finding
from attestflow.verification.verifier import VerifiedStatement


class MlBomRule:
    """The model has a CycloneDX BOM by one of `by` that describes a machine-learning model."""

    id = "ml-bom"
    severity: Literal["high", "medium"] = "medium"
    description = "A signed CycloneDX ML-BOM describes the model."
    remediation = "Register the model through attestflow, which makes and signs its ML-BOM."
    parameters: Mapping[str, Parameter] = {"by": BY}

    def check(self, lineage: Lineage, context: Context, parameters: Mapping[str, Any]) -> Iterator[Finding]:
        subject = str(lineage.subject)
        documents = lineage.root.of_type(ml_bom.PREDICATE_TYPE)
        boms = [item for item in documents if item.functionary in parameters["by"] and _names_components(item)]
        if not boms:
            message = f"no ML-BOM signed by {' or '.join(parameters['by'])} is known for {short(subject)}"
            yield Finding(self.id, "denied", message, self.remediation, subject)
        for item in boms:
            yield self._one(lineage, item)

    def _one(self, lineage: Lineage, item: VerifiedStatement) -> Finding:
        subject, evidence = str(lineage.subject), (item.identity,)
        try:
            bom = summary(item.statement.predicate)
        except MalformedStatement as exc:
            message = f"the BOM by {item.functionary} is no ML-BOM: {exc.message}"
            return Finding(self.id, "denied", message, self.remediation, subject, evidence)
        if bom.content is not None and not bom.describes(lineage.subject):  # a BOM made elsewhere names no digest
            message = f"the ML-BOM by {item.functionary} describes other bytes than {short(subject)}"
            return Finding(self.id, "denied", message, self.remediation, subject, evidence)
        message = f"an ML-BOM by {item.functionary} names {bom.files} files and {len(bom.datasets)} data sets"
        return Finding(self.id, "passed", message, None, subject, evidence)


def _names_components(item: VerifiedStatement) -> bool:
    """A VEX is the same type of document, and no BOM."""
    return "bom" in ml_bom.MlBom.parse(item.statement.predicate).uses


rule = MlBomRule()
