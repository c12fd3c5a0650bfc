"""Rule `valint-initiative`: a whole initiative written for Scribe's Valint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from attestflow.documents import shown
from attestflow.errors import MalformedStatement
from attestflow.lineage import Lineage
from attestflow.policy.rego import valint
from attestflow.policy.rego.evaluate import TIMEOUT
from attestflow.policy.rego.initiative import Control, load_initiative
from attestflow.policy.rules.common import BY, MAX_AGE
from attestflow.policy.rules.latest import latest
from attestflow.policy.schema import Context, Parameter
from attestflow.verdict import Finding
from attestflow.verification.verifier import VerifiedStatement


class ValintInitiative:
    """Each rule of the initiative allows the newest attestation by `by` about the model of the kind that it asks for.

    Evidence that is missing denies. A rule of level `warning` or `note` warns.
    """

    id = "valint-initiative"
    severity: Literal["high", "medium"] = "high"
    description = "Every control of an initiative written for Valint holds."
    remediation = "Mend what the control names; its `mitigation` in the initiative says how."
    parameters: Mapping[str, Parameter] = {
        "initiative": Parameter("file", "the initiative: `{file: ssdf.yaml, sha256: …}`"),
        "rules": Parameter(
            "files", "the YAML and Rego files of its rules, each `{file: rules/sbom/x.rego, sha256: …}`"
        ),
        "by": BY,
        "maxAge": MAX_AGE,
    }

    def validate(self, parameters: Mapping[str, Any], where: str) -> None:
        """ConfigurationError for an initiative that cannot be evaluated here as a whole."""
        load_initiative(parameters["initiative"], parameters["rules"], where)

    def check(self, lineage: Lineage, context: Context, parameters: Mapping[str, Any]) -> Iterator[Finding]:
        """One finding for each rule of each control."""
        for control in load_initiative(parameters["initiative"], parameters["rules"], self.id):
            yield self._one(control, lineage, context, parameters)

    def _one(self, control: Control, lineage: Lineage, context: Context, parameters: Mapping[str, Any]) -> Finding:
        subject, name = str(lineage.subject), shown(control.name, 100)[1:-1]
        outcome: Literal["denied", "warned"] = "denied" if control.level == "error" else "warned"
        found = [
            item
            for item in lineage.root.of_type(control.predicate_type)
            if item.functionary in parameters["by"] and _made_by(control.tool, item)
        ]
        if not found:
            what = shown(control.predicate_type) + (f" of {shown(control.tool, 80)}" if control.tool else "")
            message = f"{name}: there is no {what} by {' or '.join(parameters['by'])}"
            return Finding(self.id, outcome, message, self.remediation, subject)
        newest = latest(
            found, lineage.subject, context, parameters["maxAge"], f"the last {shown(control.predicate_type)}"
        )
        if isinstance(newest, str):
            return Finding(self.id, outcome, f"{name}: {newest}", "make it again", subject)
        try:
            said = [
                problem
                for item in newest.items
                for problem in valint.problems(
                    control.module, control.args, item, lineage, context, TIMEOUT.total_seconds()
                )
            ]
        except MalformedStatement as exc:
            message = f"{name}: the policy gave no answer: {shown(exc.message, 300)}"
            return Finding(self.id, "denied", message, self.remediation, subject, newest.evidence)
        if said:
            return Finding(self.id, outcome, f"{name}: {said[0]}", self.remediation, subject, newest.evidence)
        return Finding(self.id, "passed", f"{name} holds", None, subject, newest.evidence)


def _made_by(tool: str, item: VerifiedStatement) -> bool:
    """Whether every run of a SARIF report is of that tool (SARIF 2.1.0, 3.19.8 name, 3.19.9 fullName)."""
    if not tool:
        return True
    drivers = [run["tool"]["driver"] for run in item.statement.predicate["report"]["runs"]]
    return all(tool.lower() in (str(each.get(key, "")).lower() for key in ("name", "fullName")) for each in drivers)


rule = ValintInitiative()
