"""Rule `inputs-attested`: all that went into the model was attested before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from attestflow.documents import shown
from attestflow.lineage import Input, Lineage
from attestflow.policy.rules.common import BY, content_attestations, explained, short
from attestflow.policy.schema import Context, Parameter
from attestflow.verdict import Finding


class InputsAttested:
    """Every input of every run in the lineage has a content attestation by `by`; a git commit names itself."""

    id = "inputs-attested"
    severity: Literal["high", "medium"] = "high"
    description = "Every input of every run in the lineage, by the digest that was read, was attested."
    remediation = "Train on the attested bytes, or attest these if they are meant: `attestflow attest dataset`."
    parameters: Mapping[str, Parameter] = {"by": BY}

    def check(self, lineage: Lineage, context: Context, parameters: Mapping[str, Any]) -> Iterator[Finding]:
        inputs = {(item.content, item.name): item for items in lineage.inputs.values() for item in items}
        contents = [item for item in inputs.values() if not item.is_commit]
        if not contents:
            message = "no run in the lineage names an input, so nothing says what the model was made of"
            yield Finding(self.id, "denied", message, "declare the inputs of the training task", str(lineage.subject))
            return
        attested = 0
        evidence: list[str] = []
        for item in contents:
            node = lineage.nodes.get(item.content) if item.content else None
            found = content_attestations(node, parameters["by"])
            if found:
                attested += 1
                evidence += [each.identity for each in found]
            else:
                yield self._missing(lineage, item, parameters["by"])
        if attested == len(contents):
            who = " or ".join(parameters["by"])
            yield Finding(
                self.id, "passed", f"all {attested} inputs are attested by {who}", None, None, tuple(evidence)
            )

    def _missing(self, lineage: Lineage, item: Input, by: tuple[str, ...]) -> Finding:
        evidence = (item.via.identity,)
        if item.content is None:
            message = f"the input {shown(item.name)} has no SHA-256 content digest, so nothing can be known about it"
            return Finding(self.id, "denied", message, "name the input by file or tree digest", None, evidence)
        explanation = lineage.explanations.get(item.content)
        why = f": {explained(explanation)}" if explanation else ""
        message = (
            f"the run read {shown(item.name)} as {short(item.content)}, which {' or '.join(by)} did not attest{why}"
        )
        return Finding(self.id, "denied", message, self.remediation, str(item.content), evidence)


rule = InputsAttested()
