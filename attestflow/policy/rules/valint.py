"""Rule `valint`: a policy written for Scribe's Valint, unchanged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attestflow.lineage import Lineage, Node
from attestflow.policy.rego import valint
from attestflow.policy.rego.evaluate import TIMEOUT
from attestflow.policy.rego.process import RegoFailed
from attestflow.policy.rules.about import ABOUT
from attestflow.policy.rules.common import BY, MAX_AGE
from attestflow.policy.rules.report_rule import ReportRule
from attestflow.policy.schema import Context, Parameter
from attestflow.verification.verifier import VerifiedStatement


class Valint(ReportRule):
    """The policy in `module` allows the newest attestation of `predicateType` by `by` on each content that `about` selects."""

    id = "valint"
    description = "A policy written for Valint allows the evidence."
    remediation = "Read what the policy says, and mend that; its own page says how."
    report = "attestation"
    predicate_type = ""
    parameters: Mapping[str, Parameter] = {
        "module": Parameter("file", "the policy: `{file: rules/max-size.rego, sha256: …}`"),
        "predicateType": Parameter("text", "which attestation is `input.evidence`: its predicate type's URI"),
        "by": BY,
        "about": ABOUT,
        "args": Parameter("json", "what the policy sees as `input.config.args`", False),
        "maxAge": MAX_AGE,
    }

    def wanted(self, parameters: Mapping[str, Any]) -> str:
        return str(parameters["predicateType"])

    def named(self, parameters: Mapping[str, Any]) -> str:
        return f"attestation {parameters['predicateType']}"

    def problems(
        self, item: VerifiedStatement, node: Node, lineage: Lineage, context: Context, parameters: Mapping[str, Any]
    ) -> Iterator[str]:
        try:
            seconds = TIMEOUT.total_seconds()
            yield from valint.problems(parameters["module"], parameters["args"], item, lineage, context, seconds)
        except RegoFailed as exc:
            yield f"the policy gave no answer: {exc.message[:300]}"


rule = Valint()
