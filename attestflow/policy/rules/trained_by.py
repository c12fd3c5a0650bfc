"""Rule `trained-by`: a training run signed by a functionary made the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from attestflow.documents import shown
from attestflow.lineage import Lineage
from attestflow.policy.rules.common import BY, short
from attestflow.policy.rules.origins import origins
from attestflow.policy.schema import Context, Parameter
from attestflow.predicates.provenance import BUILD_TYPE_TRAINING
from attestflow.verdict import Finding


class TrainedBy:
    """The way back from the model, through registrations, ends at training runs by `by`, each of an allowed build type."""

    id = "trained-by"
    severity: Literal["high", "medium"] = "high"
    description = "A signed training run (SLSA provenance) made the model; every such run of it is of an allowed type."
    remediation = "Train in a task that attests (`@task.attest`), and register what it made."
    parameters: Mapping[str, Parameter] = {
        "by": BY,
        "buildTypes": Parameter("texts", "build types that count as training", False, default=(BUILD_TYPE_TRAINING,)),
    }

    def check(self, lineage: Lineage, context: Context, parameters: Mapping[str, Any]) -> Iterator[Finding]:
        ended = False
        for origin in origins(lineage, parameters["by"]):
            ended = True
            subject = str(origin.content)
            if origin.statement is None or origin.provenance is None:
                who = " or ".join(parameters["by"])
                message = f"no training run signed by {who} is known for {short(subject)}"
                yield Finding(self.id, "denied", message, self.remediation, subject)
            elif origin.provenance.build_type not in parameters["buildTypes"]:
                message = f"{short(subject)} was made by a run of type {shown(origin.provenance.build_type)}"
                hint = "only the build types in the policy's `buildTypes` count as training"
                yield Finding(self.id, "denied", message, hint, subject, (origin.statement.identity,))
            else:
                run = origin.provenance.invocation_id
                message = f"trained in {shown(run) if run else 'a run'}, signed by {origin.statement.functionary}"
                yield Finding(self.id, "passed", message, None, subject, (origin.statement.identity,))
        if not ended:
            yield Finding(self.id, "denied", "the model's registrations lead in a circle", self.remediation)


rule = TrainedBy()
