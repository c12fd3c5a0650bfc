"""Rule `fresh`: the model was trained lately, on data that were attested lately."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Literal

from attestflow.clock import parse_time
from attestflow.errors import ConfigurationError
from attestflow.lineage import Lineage, Node
from attestflow.policy.rules.about import selected, title
from attestflow.policy.rules.common import BY, age_words, content_attestations, short
from attestflow.policy.rules.latest import latest
from attestflow.policy.rules.origins import origins
from attestflow.policy.schema import Context, Parameter
from attestflow.verdict import Finding


class Fresh:
    """Every run by `by` that trained the model ended within `maxTrainingAge`, every data set was attested within `maxDataAge`."""

    id = "fresh"
    severity: Literal["high", "medium"] = "medium"
    description = "Training and data are recent enough."
    remediation = "Train again on current data: an old model that comes back may be one with known faults."
    parameters: Mapping[str, Parameter] = {
        "by": BY,
        "maxTrainingAge": Parameter("duration", "how long ago the training may have ended", False),
        "maxDataAge": Parameter("duration", "how long ago the data sets may have been attested", False),
    }

    def validate(self, parameters: Mapping[str, Any], where: str) -> None:
        """ConfigurationError where neither age is given."""
        if parameters["maxTrainingAge"] is None and parameters["maxDataAge"] is None:
            raise ConfigurationError(f"{where} asks for nothing", hint="give maxTrainingAge or maxDataAge")

    def check(self, lineage: Lineage, context: Context, parameters: Mapping[str, Any]) -> Iterator[Finding]:
        """One finding for each run and data set that is looked at."""
        if parameters["maxTrainingAge"] is not None:
            yield from self._training(lineage, context, parameters["by"], parameters["maxTrainingAge"])
        if parameters["maxDataAge"] is not None:
            nodes = selected(lineage, "datasets")
            if not nodes:
                yield self._denied("the lineage holds no data set", str(lineage.subject))
            for node in nodes:
                yield self._data(node, context, parameters)

    def _training(self, lineage: Lineage, context: Context, by: tuple[str, ...], limit: timedelta) -> Iterator[Finding]:
        for origin in origins(lineage, by):
            subject = str(origin.content)
            ended = origin.provenance.finished_on if origin.provenance else None
            if origin.statement is None or ended is None:
                yield self._denied(f"nothing says when {short(subject)} was trained", subject)
                continue
            evidence, moment = (origin.statement.identity,), parse_time(ended)
            if context.is_future(moment):
                yield self._denied(f"{short(subject)} was trained in the future ({ended})", subject, evidence)
            elif context.now - moment > limit:
                age = age_words(context.now - moment)
                yield self._denied(
                    f"{short(subject)} was trained {age} ago, more than {age_words(limit)}", subject, evidence
                )
            else:
                yield Finding(self.id, "passed", f"{short(subject)} was trained on {ended}", None, subject, evidence)

    def _data(self, node: Node, context: Context, parameters: Mapping[str, Any]) -> Finding:
        found, subject = content_attestations(node, parameters["by"]), str(node.content)
        if not found:
            return self._denied(f"{title(node)} is not attested by {' or '.join(parameters['by'])}", subject)
        newest = latest(found, node.content, context, parameters["maxDataAge"], f"the attestation of {title(node)}")
        if isinstance(newest, str):
            return self._denied(newest, subject, tuple(item.identity for item in found))
        return Finding(self.id, "passed", f"{title(node)} is recent", None, subject, newest.evidence)

    def _denied(self, message: str, subject: str, evidence: tuple[str, ...] = ()) -> Finding:
        return Finding(self.id, "denied", message, self.remediation, subject, evidence)


rule = Fresh()
