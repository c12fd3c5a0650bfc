"""Rule `required-attestation`: an attestation of any predicate type, also one that nobody here has heard of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from attestflow.documents import shown
from attestflow.lineage import Lineage, Node
from attestflow.policy.rules.common import BY, MAX_AGE, age_words, created_on, short
from attestflow.policy.schema import Context, Parameter
from attestflow.verdict import Finding


class RequiredAttestation:
    """The model, or each data set of its lineage, has an attestation of `predicateType` by one of `by`."""

    id = "required-attestation"
    severity: Literal["high", "medium"] = "high"
    description = "An attestation of a given predicate type is there, by a given functionary, not too old."
    remediation = "Make the report and sign it: `attestflow attest report FILE --about TARGET`."
    parameters: Mapping[str, Parameter] = {
        "predicateType": Parameter("text", "the predicate type's URI"),
        "by": BY,
        "maxAge": MAX_AGE,
        "about": Parameter("choice", "what must have it: model or datasets", False, ("model", "datasets"), "model"),
    }

    def check(self, lineage: Lineage, context: Context, parameters: Mapping[str, Any]) -> Iterator[Finding]:
        if parameters["about"] == "model":
            nodes = [lineage.root]
        else:
            others = [node for content, node in lineage.nodes.items() if content != lineage.subject]
            nodes = [node for node in others if not node.kinds or "dataset" in node.kinds]
        if not nodes:
            yield Finding(self.id, "denied", "the lineage holds no data set", "declare the inputs of the training task")
        for node in nodes:
            yield self._one(node, context, parameters)

    def _one(self, node: Node, context: Context, parameters: Mapping[str, Any]) -> Finding:
        wanted, subject = parameters["predicateType"], str(node.content)
        found = [item for item in node.of_type(wanted) if item.functionary in parameters["by"]]
        title = f"{shown(node.name or 'content')} ({short(node.content)})"
        if not found:
            message = f"{title} has no {shown(wanted)} by {' or '.join(parameters['by'])}"
            return Finding(self.id, "denied", message, self.remediation, subject)
        limit = parameters["maxAge"]
        if limit is not None:
            times = [created_on(item, node.content) for item in found]
            dated = [moment for moment in times if moment is not None and not context.is_future(moment)]
            if len(dated) != len(times):
                message = f"a {shown(wanted)} about {title} states no time, or one in the future"
                return Finding(self.id, "denied", message, "is a clock wrong? make it again", subject)
            if context.now - max(dated) > limit:
                message = f"the last {shown(wanted)} about {title} is {age_words(context.now - max(dated))} old"
                return Finding(self.id, "denied", message, self.remediation, subject)
        who = ", ".join(sorted({item.functionary for item in found}))
        evidence = tuple(item.identity for item in found)
        return Finding(self.id, "passed", f"{title} has {shown(wanted)} by {who}", None, subject, evidence)


rule = RequiredAttestation()
