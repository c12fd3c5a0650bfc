"""Rule `vulnerabilities`: a fresh scan with a fresh database found nothing worse than is allowed, or a VEX says why not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attestflow.clock import parse_time
from attestflow.documents import shown
from attestflow.lineage import Lineage, Node
from attestflow.policy.rules.common import BY, age_words
from attestflow.policy.rules.report_rule import ReportRule
from attestflow.policy.rules.severity import SEVERITIES, worst
from attestflow.policy.rules.vex import not_affected
from attestflow.policy.schema import Context, Parameter
from attestflow.predicates import vulns
from attestflow.predicates.vulns import Vulns
from attestflow.verification.verifier import VerifiedStatement


class Vulnerabilities(ReportRule):
    """The newest vulnerability report by `by` about the model holds nothing above `allow` that no VEX by `vexBy` answers."""

    id = "vulnerabilities"
    description = (
        "No known vulnerability of the model's dependencies is worse than allowed; scan and database are fresh."
    )
    remediation = "Update the package; or state why it does no harm in a VEX, signed by who may, and scan again."
    report = "vulnerability report"
    predicate_type = vulns.PREDICATE_TYPE
    parameters: Mapping[str, Parameter] = {
        "by": BY,
        "allow": Parameter("choice", "the worst severity that may stay", False, SEVERITIES[:-1], "none"),
        "maxAge": Parameter("duration", "how old the scan may be: 7d"),
        "maxDatabaseAge": Parameter("duration", "how old the scanner's database may be: 2d"),
        "vexBy": Parameter("functionaries", "whose VEX statements count; none otherwise", False),
        "scanners": Parameter("texts", "URIs of scanners that count; any otherwise", False),
    }

    def counts(self, item: VerifiedStatement, node: Node, parameters: Mapping[str, Any]) -> bool:
        scanners = parameters["scanners"]
        return scanners is None or Vulns.parse(item.statement.predicate).scanner in scanners

    def problems(
        self, item: VerifiedStatement, node: Node, lineage: Lineage, context: Context, parameters: Mapping[str, Any]
    ) -> Iterator[str]:
        report = Vulns.parse(item.statement.predicate)
        for what, text, limit in (
            ("the scan", report.finished_on, parameters["maxAge"]),
            ("the scanner's database", report.database_updated, parameters["maxDatabaseAge"]),
        ):
            moment = parse_time(text)
            if context.is_future(moment):
                yield f"{what} is of the future ({shown(text)})"
            elif context.now - moment > limit:
                yield f"{what} is {age_words(context.now - moment)} old, more than {age_words(limit)}"
        answered = not_affected(node, parameters["vexBy"] or ())
        for name, severity in sorted(worst(report).items()):
            if SEVERITIES.index(severity) > SEVERITIES.index(parameters["allow"]) and name not in answered:
                yield f"{shown(name, 60)} is {severity}"


rule = Vulnerabilities()
