"""Rule `resource-use`: the training used about what it always uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from attestflow.clock import parse_time
from attestflow.documents import shown
from attestflow.errors import ConfigurationError
from attestflow.lineage import Lineage
from attestflow.policy.rules.about import own_models
from attestflow.policy.rules.common import BY
from attestflow.policy.rules.measurements import Measured, run_numbers
from attestflow.policy.schema import Context, Parameter
from attestflow.predicates.provenance import BUILD_TYPE_REGISTRATION
from attestflow.verdict import Finding

SECONDS = "seconds"


class ResourceUse:
    """Each run by `by` that made the model used at most `within` times the baseline: a number, or what production used.

    Numbers are those of the byproduct `resources` of a run, and `seconds` from its start to its end.
    """

    id = "resource-use"
    severity: Literal["high", "medium"] = "medium"
    compares = True
    description = "The training used no more than k times what is usual: time, memory, whatever was recorded."
    remediation = "Find out what the run did beside training (mining, exfiltration); raise the baseline if it is meant."
    parameters: Mapping[str, Parameter] = {
        "by": BY,
        "within": Parameter("number", "how many times the baseline is allowed: 1.5"),
        "baseline": Parameter(
            "numbers", "what is usual: `{seconds: 3600}`; what production's run used otherwise", False
        ),
    }

    def validate(self, parameters: Mapping[str, Any], where: str) -> None:
        """ConfigurationError for a factor or a baseline of nothing."""
        if parameters["within"] <= 0 or any(value <= 0 for value in (parameters["baseline"] or {}).values()):
            raise ConfigurationError(f"{where}: factor and baseline are more than 0")

    def check(self, lineage: Lineage, context: Context, parameters: Mapping[str, Any]) -> Iterator[Finding]:
        """One finding."""
        subject = str(lineage.subject)
        used = _used(lineage, parameters["by"])
        evidence = tuple(sorted({each.identity for each in used}))
        baseline = parameters["baseline"]
        if not used:
            message = f"what the runs used was not attested by {' or '.join(parameters['by'])}"
            yield Finding(self.id, "denied", message, "record what training uses (byproduct `resources`)", subject)
            return
        if baseline is None and context.production is None:
            message = "nothing is in production yet that it could be compared with"
            yield Finding(self.id, "passed", message, None, subject, evidence)
            return
        if baseline is None:
            before = _used(context.predecessor, parameters["by"]) if context.predecessor else ()
            baseline = {name: max(each.value for each in before if each.name == name) for name in _names(before)}
        problems = list(_problems(used, baseline, parameters["within"]))
        if problems:
            yield Finding(self.id, "denied", "; ".join(problems[:5]), self.remediation, subject, evidence)
        else:
            yield Finding(self.id, "passed", "the training used what is usual", None, subject, evidence)


def _problems(used: tuple[Measured, ...], baseline: Mapping[str, float], within: float) -> Iterator[str]:
    if not baseline:
        yield "what the run of the model in production used was not attested"
    for name, usual in sorted(baseline.items()):
        values = [each.value for each in used if each.name == name]
        if not values:
            yield f"{shown(name, 60)} was not attested"
        elif max(values) > usual * within:
            yield f"{shown(name, 60)} was {max(values):g}, more than {within:g} times {usual:g}"


def _used(lineage: Lineage, by: tuple[str, ...]) -> tuple[Measured, ...]:
    found = list(run_numbers(lineage, by, "resources"))
    for content in own_models(lineage):
        for item, made in lineage.provenances(content):
            counts = item.functionary in by and made.build_type != BUILD_TYPE_REGISTRATION
            if counts and made.started_on and made.finished_on:
                seconds = (parse_time(made.finished_on) - parse_time(made.started_on)).total_seconds()
                found.append(Measured(SECONDS, seconds, None, item.identity, item.functionary))
    return tuple(found)


def _names(values: tuple[Measured, ...]) -> set[str]:
    return {each.name for each in values}


rule = ResourceUse()
