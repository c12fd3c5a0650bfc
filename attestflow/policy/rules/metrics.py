"""Rule `metrics`: the model is as good as it must be, and no worse than the one in production."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attestflow.documents import shown
from attestflow.errors import ConfigurationError
from attestflow.lineage import Lineage
from attestflow.policy.rules.common import BY
from attestflow.policy.rules.evaluations import evaluations
from attestflow.policy.rules.measurements import Measured
from attestflow.policy.schema import Context, Parameter
from attestflow.verdict import Finding


class Metrics:
    """Each metric asked for was attested by `by`, and every value of it lies within the bounds.

    Values come from the runs that made the model and from the newest ML-BOM with performance metrics; each must hold.
    """

    id = "metrics"
    severity = "high"
    compares = True
    description = "Metrics reach their thresholds, and are no worse than those of the model now in production."
    remediation = "Evaluate and attest the metrics asked for; or train a better model."
    parameters: Mapping[str, Parameter] = {
        "by": BY,
        "atLeast": Parameter("numbers", "the least that a metric may be: `{accuracy: 0.9}`", False),
        "atMost": Parameter("numbers", "the most that a metric may be: `{log_loss: 0.3}`", False),
        "noLowerThanProduction": Parameter(
            "numbers", "metrics where more is better, each with how much lower than in production it may be", False
        ),
        "noHigherThanProduction": Parameter(
            "numbers", "metrics where less is better, each with how much higher than in production it may be", False
        ),
    }

    def validate(self, parameters: Mapping[str, Any], where: str) -> None:
        """ConfigurationError where no bound is given, or a tolerance is negative."""
        given = [parameters[key] for key in self.parameters if key != "by" and parameters[key] is not None]
        if not given:
            raise ConfigurationError(f"{where} asks for nothing", hint="give atLeast, atMost or no…ThanProduction")
        for key in ("noLowerThanProduction", "noHigherThanProduction"):
            if any(value < 0 for value in (parameters[key] or {}).values()):
                raise ConfigurationError(f"{where}.{key}: a tolerance is 0 or more")

    def check(self, lineage: Lineage, context: Context, parameters: Mapping[str, Any]) -> Iterator[Finding]:
        """One finding; it names each metric that is missing or out of bounds."""
        subject = str(lineage.subject)
        values = evaluations(lineage, context, parameters["by"])
        if isinstance(values, str):
            yield Finding(self.id, "denied", values, self.remediation, subject)
            return
        problems = [*_bounds(values, parameters), *_regressions(values, context, parameters)]
        evidence = tuple(sorted({each.identity for each in values}))
        if problems:
            yield Finding(self.id, "denied", "; ".join(problems[:5]), self.remediation, subject, evidence)
        else:
            yield Finding(self.id, "passed", "the metrics lie within their bounds", None, subject, evidence)


def _bounds(values: Sequence[Measured], parameters: Mapping[str, Any]) -> Iterator[str]:
    for name, least in (parameters["atLeast"] or {}).items():
        found = _of(values, name)
        if not found:
            yield f"the metric {shown(name, 60)} was not attested"
        elif min(found) < least:
            yield f"{shown(name, 60)} is {min(found):g}, less than {least:g}"
    for name, most in (parameters["atMost"] or {}).items():
        found = _of(values, name)
        if not found:
            yield f"the metric {shown(name, 60)} was not attested"
        elif max(found) > most:
            yield f"{shown(name, 60)} is {max(found):g}, more than {most:g}"


def _regressions(values: Sequence[Measured], context: Context, parameters: Mapping[str, Any]) -> Iterator[str]:
    lower, higher = parameters["noLowerThanProduction"] or {}, parameters["noHigherThanProduction"] or {}
    if context.production is None or not (lower or higher):
        return
    before = "nothing is known of what is in production"
    if context.predecessor is not None:
        known = evaluations(context.predecessor, context, parameters["by"])
        before = known if isinstance(known, str) else ""
    if before or context.predecessor is None:
        yield f"no worse than production cannot be shown: {before}"
        return
    for name, tolerance in (*lower.items(), *higher.items()):
        found, there = _of(values, name), _of(known, name)  # type: ignore[arg-type]
        if not found or not there:
            yield f"{shown(name, 60)} was not attested {'for this model' if not found else 'for what is in production'}"
        elif name in lower and min(found) < max(there) - tolerance:
            yield f"{shown(name, 60)} is {min(found):g}, and in production {max(there):g}"
        elif name in higher and max(found) > min(there) + tolerance:
            yield f"{shown(name, 60)} is {max(found):g}, and in production {min(there):g}"


def _of(values: Sequence[Measured], name: str) -> list[float]:
    return [each.value for each in values if each.name == name and each.slice is None]


rule = Metrics()
