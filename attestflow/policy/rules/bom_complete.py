"""Rule `bom-complete`: the ML-BOM says what a reader of a model needs to know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from attestflow.errors import ConfigurationError
from attestflow.lineage import Lineage, Node
from attestflow.mlbom.completeness import ELEMENTS, present, score
from attestflow.policy.rules.boms import BomRule
from attestflow.policy.rules.common import BY, MAX_AGE
from attestflow.policy.schema import Context, Parameter
from attestflow.verification.verifier import VerifiedStatement


class BomComplete(BomRule):
    """The newest ML-BOM by `by` holds each of `require`, and its score (per cent of all elements) is `minScore` or more."""

    id = "bom-complete"
    severity: Literal["high", "medium"] = "medium"
    description = "The ML-BOM is complete: the elements asked for are there, and enough of all."
    remediation = (
        "Fill the model card (licence, intended use, metrics, …) where the model is logged, and register it again."
    )
    parameters: Mapping[str, Parameter] = {
        "by": BY,
        "require": Parameter("texts", f"elements that must be there: {', '.join(ELEMENTS)}", False),
        "minScore": Parameter("number", "how many per cent of all elements must be there, 0 to 100", False),
        "maxAge": MAX_AGE,
    }

    def validate(self, parameters: Mapping[str, Any], where: str) -> None:
        """ConfigurationError for an element that there is not, a score out of range, and where nothing is asked for."""
        if parameters["require"] is None and parameters["minScore"] is None:
            raise ConfigurationError(f"{where} asks for nothing", hint="give require or minScore")
        for name in parameters["require"] or ():
            if name not in ELEMENTS:
                raise ConfigurationError(f"{where}.require: there is no element {name}", hint=", ".join(ELEMENTS))
        if parameters["minScore"] is not None and not 0 < parameters["minScore"] <= 100:
            raise ConfigurationError(f"{where}.minScore lies above 0 and up to 100")

    def problems(
        self, item: VerifiedStatement, node: Node, lineage: Lineage, context: Context, parameters: Mapping[str, Any]
    ) -> Iterator[str]:
        found = present(item.statement.predicate)
        for name in parameters["require"] or ():
            if name not in found:
                yield f"the ML-BOM lacks {ELEMENTS[name]}"
        least, reached = parameters["minScore"], score(item.statement.predicate)
        if least is not None and reached < least:
            lacking = ", ".join(name for name in ELEMENTS if name not in found)
            yield f"the ML-BOM scores {reached:.0f} of 100, less than {least:g}: it lacks {lacking}"


rule = BomComplete()
