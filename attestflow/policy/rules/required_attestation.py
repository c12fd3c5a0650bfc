"""Rule `required-attestation`: an attestation of any predicate type, also one that nobody here has heard of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attestflow.documents import shown
from attestflow.lineage import Lineage, Node
from attestflow.policy.rules.about import ABOUT
from attestflow.policy.rules.common import BY, MAX_AGE
from attestflow.policy.rules.conditions import check_conditions, unmet
from attestflow.policy.rules.report_rule import ReportRule
from attestflow.policy.schema import Context, Parameter
from attestflow.verification.verifier import VerifiedStatement


class RequiredAttestation(ReportRule):
    """The newest attestation of `predicateType` by `by` on each content that `about` selects meets all `where`."""

    id = "required-attestation"
    description = "An attestation of a given predicate type is there, by a given functionary, and says what it must."
    remediation = "Make the report and sign it: `attestflow attest report FILE --about TARGET --type URI`."
    report = "attestation"
    predicate_type = ""
    parameters: Mapping[str, Parameter] = {
        "predicateType": Parameter("text", "the predicate type's URI"),
        "by": BY,
        "maxAge": MAX_AGE,
        "about": ABOUT,
        "where": Parameter(
            "json",
            "what the predicate must say: a list of `{path, equals | oneOf | atLeast | atMost | matches}`, the path a "
            "JSON Pointer (RFC 6901)",
            False,
        ),
    }

    def validate(self, parameters: Mapping[str, Any], where: str) -> None:
        """ConfigurationError for conditions that are none."""
        check_conditions(parameters["where"], f"{where}.where")

    def named(self, parameters: Mapping[str, Any]) -> str:
        return shown(parameters["predicateType"])

    def wanted(self, parameters: Mapping[str, Any]) -> str:
        return str(parameters["predicateType"])

    def problems(
        self, item: VerifiedStatement, node: Node, lineage: Lineage, context: Context, parameters: Mapping[str, Any]
    ) -> Iterator[str]:
        yield from unmet(parameters["where"] or (), item.statement.predicate)


rule = RequiredAttestation()
