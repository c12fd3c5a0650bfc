"""Rule `sarif-level`: a scanner ran to its end, and reported nothing at or above a level."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attestflow.lineage import Lineage, Node
from attestflow.policy.rules.about import ABOUT
from attestflow.policy.rules.common import BY, MAX_AGE
from attestflow.policy.rules.report_rule import ReportRule
from attestflow.policy.rules.sarif_results import LEVELS, results, runs, tools, unfinished
from attestflow.policy.schema import Context, Parameter
from attestflow.predicates import sarif
from attestflow.verification.verifier import VerifiedStatement

TOOLS = Parameter("texts", "names of the tools (SARIF tool.driver.name) that count; any otherwise", False)


class SarifLevel(ReportRule):
    """In the newest SARIF report by `by` each run finished, and no result is at `level` or above."""

    id = "sarif-level"
    description = "A scanner (SAST, infrastructure as code, …) found nothing at or above a level."
    remediation = (
        "Mend what the scanner found, scan again, and sign: `attestflow attest report scan.sarif --about TARGET`."
    )
    report = "SARIF report"
    predicate_type = sarif.PREDICATE_TYPE
    parameters: Mapping[str, Parameter] = {
        "by": BY,
        "about": ABOUT,
        "tools": TOOLS,
        "level": Parameter("choice", "the lowest level that denies", False, ("note", "warning", "error"), "error"),
        "maxAge": MAX_AGE,
    }

    def counts(self, item: VerifiedStatement, node: Node, parameters: Mapping[str, Any]) -> bool:
        return is_by_tools(item, parameters["tools"])

    def problems(
        self, item: VerifiedStatement, node: Node, lineage: Lineage, context: Context, parameters: Mapping[str, Any]
    ) -> Iterator[str]:
        yield from bad_results(item, parameters["level"])


def is_by_tools(item: VerifiedStatement, wanted: tuple[str, ...] | None) -> bool:
    """Whether all tools of a SARIF report are among `wanted` (None: any)."""
    return wanted is None or set(tools(_report(item))) <= set(wanted)


def bad_results(item: VerifiedStatement, level: str) -> Iterator[str]:
    """What a report holds at `level` or above, and runs that did not finish."""
    for run in runs(_report(item)):
        problem = unfinished(run)
        if problem:
            yield problem
        for result in results(run):
            if LEVELS.index(result.level) >= LEVELS.index(level):
                yield str(result)


def _report(item: VerifiedStatement) -> Mapping[str, Any]:
    return sarif.Sarif.parse(item.statement.predicate).report


rule = SarifLevel()
