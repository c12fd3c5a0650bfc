"""Rule `fairness`: the model serves the slices of its data alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attestflow.documents import shown
from attestflow.errors import ConfigurationError
from attestflow.lineage import Lineage
from attestflow.policy.rules.common import BY
from attestflow.policy.rules.evaluations import evaluations
from attestflow.policy.schema import Context, Parameter
from attestflow.verdict import Finding


class Fairness:
    """A metric was attested by `by` for each of `slices`, and its values differ by no more than allowed.

    Values are the performance metrics with a `slice` of the newest ML-BOM that holds any (CycloneDX modelCard).
    """

    id = "fairness"
    severity = "high"
    description = "A metric differs little between the groups that it was measured for."
    remediation = (
        "Measure the metric for each slice and attest it in an ML-BOM; where groups differ, mend data or model."
    )
    parameters: Mapping[str, Parameter] = {
        "by": BY,
        "metric": Parameter("text", "the metric's name (performanceMetrics[].type)"),
        "slices": Parameter("texts", "the slices that must have been measured (performanceMetrics[].slice)"),
        "maxGap": Parameter("number", "how far the best and the worst slice may lie apart", False),
        "minRatio": Parameter(
            "number", "the least that the worst may be of the best: 0.8 is the four-fifths rule", False
        ),
    }

    def validate(self, parameters: Mapping[str, Any], where: str) -> None:
        """ConfigurationError where neither bound is given, or there is nothing to compare."""
        if parameters["maxGap"] is None and parameters["minRatio"] is None:
            raise ConfigurationError(f"{where} sets no bound", hint="give maxGap or minRatio")
        if len(parameters["slices"]) < 2:
            raise ConfigurationError(f"{where}.slices: one slice is compared with nothing")

    def check(self, lineage: Lineage, context: Context, parameters: Mapping[str, Any]) -> Iterator[Finding]:
        """One finding."""
        subject, name = str(lineage.subject), parameters["metric"]
        values = evaluations(lineage, context, parameters["by"])
        if isinstance(values, str):
            yield Finding(self.id, "denied", values, self.remediation, subject)
            return
        mine = [each for each in values if each.name == name and each.slice is not None]
        evidence = tuple(sorted({each.identity for each in mine}))
        missing = sorted(set(parameters["slices"]) - {str(each.slice) for each in mine})
        problem = f"{shown(name, 60)} was not measured for {', '.join(shown(each, 60) for each in missing)}"
        if not missing:
            problem = _apart([each.value for each in mine], name, parameters)
        if problem:
            yield Finding(self.id, "denied", problem, self.remediation, subject, evidence)
        else:
            message = f"{shown(name, 60)} differs little between {len(parameters['slices'])} slices"
            yield Finding(self.id, "passed", message, None, subject, evidence)


def _apart(values: list[float], name: str, parameters: Mapping[str, Any]) -> str:
    """What is wrong with the values of all slices, empty where nothing is."""
    best, worst = max(values), min(values)
    gap, ratio = parameters["maxGap"], parameters["minRatio"]
    words = f"{shown(name, 60)} lies between {worst:g} and {best:g}"
    if gap is not None and best - worst > gap:
        return f"{words}: {best - worst:g} apart, more than {gap:g}"
    if ratio is not None and (best <= 0 or worst / best < ratio):
        return f"{words}: the worst is less than {ratio:g} of the best"
    return ""


rule = Fairness()
