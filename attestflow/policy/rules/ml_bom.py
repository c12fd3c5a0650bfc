"""Rule `ml-bom`: a signed ML-BOM describes the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from attestflow.lineage import Lineage
from attestflow.policy.rules.common import BY, short
from attestflow.policy.schema import Context, Parameter
from attestflow.predicates import ml_bom
from attestflow.verdict import Finding

MODEL = "machine-learning-model"


class MlBomRule:
    """The model has a CycloneDX BOM by one of `by` that describes a machine-learning model."""

    id = "ml-bom"
    severity: Literal["high", "medium"] = "medium"
    description = "A signed CycloneDX ML-BOM describes the model."
    remediation = "Register the model through attestflow, which makes and signs its ML-BOM."
    parameters: Mapping[str, Parameter] = {"by": BY}

    def check(self, lineage: Lineage, context: Context, parameters: Mapping[str, Any]) -> Iterator[Finding]:
        subject = str(lineage.subject)
        boms = [item for item in lineage.root.of_type(ml_bom.PREDICATE_TYPE) if item.functionary in parameters["by"]]
        if not boms:
            message = f"no ML-BOM signed by {' or '.join(parameters['by'])} is known for {short(subject)}"
            yield Finding(self.id, "denied", message, self.remediation, subject)
        for item in boms:
            models = [each for each in _components(item.statement.predicate) if each.get("type") == MODEL]
            if models:
                message = f"an ML-BOM of {len(_components(item.statement.predicate))} components, by {item.functionary}"
                yield Finding(self.id, "passed", message, None, subject, (item.identity,))
            else:
                message = f"a BOM by {item.functionary} describes no machine-learning model"
                yield Finding(self.id, "denied", message, self.remediation, subject, (item.identity,))


def _components(bom: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    components = bom.get("components")
    return [each for each in components if isinstance(each, dict)] if isinstance(components, list) else []


rule = MlBomRule()
