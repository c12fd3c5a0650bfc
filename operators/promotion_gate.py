"""PromotionGateOperator: ask the gate whether a model version may become what it is to become."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from attestflow.documents import shown
from attestflow.errors import ConfigurationError
from attestflow.operators.base import AttestflowOperator, failing_for_good, required
from attestflow.operators.reference import Attested

if TYPE_CHECKING:
    from attestflow.verdict import Verdict


class PromotionGateOperator(AttestflowOperator):
    """Evaluate a policy over a model version's evidence; denied, the task fails at once or everything below is skipped.

    The verdict is pushed as XCom `verdict` before anything is raised. This gate tells the DAG; the one that nobody can
    walk around stands in the model registry itself.

    :param model: the reference from RegisterModelOperator, or `models:/NAME/VERSION`
    :param to: the alias (`production`) or stage (`stage:Production`) that it is to get
    :param policy: name of a policy in the settings, or its path
    :param on_deny: `fail` (no retry) or `skip` what comes after
    :param tracking_uri: the MLflow server; MLFLOW_TRACKING_URI where None
    """

    template_fields: Sequence[str] = ("model", "to", "policy", "tracking_uri", *AttestflowOperator.template_fields)

    def __init__(
        self,
        *,
        model: Any,
        to: str = "production",
        policy: str = "production",
        on_deny: Literal["fail", "skip"] = "fail",
        tracking_uri: str | None = None,
        **kwargs: Any,
    ) -> None:
        if on_deny not in {"fail", "skip"}:
            raise ValueError(f"on_deny is 'fail' or 'skip', not {on_deny!r}")
        super().__init__(**kwargs)
        self.model = model
        self.to = to
        self.policy = policy
        self.on_deny = on_deny
        self.tracking_uri = tracking_uri

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Ask; returns the verdict in brief. Denied raises AirflowFailException or AirflowSkipException."""
        from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

        with failing_for_good():
            verdict = self._ask()
        brief = _brief(verdict)
        context["ti"].xcom_push(key="verdict", value=brief)
        if verdict.allowed:
            self.log.info("%s passed %s", brief["subject"], brief["policy"])
            for each in verdict.excepted:
                self.log.warning("BY EXCEPTION: %s (%s)", each.rule, each.waiver.reason if each.waiver else "")
            return brief
        message = _told(verdict)
        if self.on_deny == "skip":
            self.log.warning(message)
            raise AirflowSkipException(message)
        raise AirflowFailException(message)

    def _ask(self) -> Verdict:
        from attestflow.integrations.mlflow.resolve import fetch, production_content
        from attestflow.policy.schema import Transition
        from attestflow.subject import measure

        settings = self.hook.settings()
        uri = self.model if isinstance(self.model, str) else Attested.from_xcom(self.model, "model").uri
        name = _model_name(required(uri, "model"))
        transition = Transition.parse(registry=settings.registry, model=name, to=required(self.to, "to"))
        gate = settings.gate(required(self.policy, "policy"))
        server = self.tracking_uri or None
        with tempfile.TemporaryDirectory(prefix="attestflow-") as folder:
            measured = measure(fetch(uri, Path(folder), server), name=name, algorithms=("sha256",))
        current = production_content(server, name, transition.to)
        return gate.check(measured.content, name=name, transition=transition, production=current)


def _model_name(uri: str) -> str:
    """NAME of `models:/NAME/VERSION` or `models:/NAME@ALIAS`."""
    rest = uri.removeprefix("models:/")
    name = rest.partition("/")[0] if "/" in rest else rest.partition("@")[0]
    if not uri.startswith("models:/") or not name or name == rest:
        raise ConfigurationError(
            f"{shown(uri)} names no version of a registered model",
            hint="give models:/NAME/VERSION, or RegisterModelOperator's output",
        )
    return name


def _brief(verdict: Verdict) -> dict[str, Any]:
    """What of a verdict goes into an XCom: small, and only JSON."""
    return {
        "passed": verdict.passed,
        "subject": str(verdict.subject),
        "policy": verdict.policy_name,
        "findings": [
            {"rule": each.rule, "outcome": each.outcome, "message": each.message, "hint": each.hint}
            for each in verdict.findings[:50]
        ],
        "attestation": verdict.vsa_identity,
    }


def _told(verdict: Verdict) -> str:
    lines = [f"{verdict.subject_name} is denied by policy {verdict.policy_name}:"]
    for each in verdict.denials:
        lines.append(f"  {each.rule}: {each.message}")
        if each.hint:
            lines.append(f"    hint: {each.hint}")
    return "\n".join(lines)
