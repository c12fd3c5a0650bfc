"""RegisterModelOperator: put a logged model into the MLflow registry, with its signed papers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attestflow.operators.base import AttestflowOperator, failing_for_good, required
from attestflow.operators.reference import Attested


class RegisterModelOperator(AttestflowOperator):
    """Register what training attested, and sign what the registry then holds: its bytes and an ML-BOM about it.

    Bytes other than the ones that training attested are not registered. A retry finds the version that it made before.

    :param model: the reference that a `@task.attest` task returned for a logged MLflow model
    :param name: name of the registered model
    :param tracking_uri: the MLflow server; MLFLOW_TRACKING_URI where None
    :param role: whose key signs; `pipeline`, or what the connection says
    """

    template_fields: Sequence[str] = ("model", "name", "tracking_uri", *AttestflowOperator.template_fields)

    def __init__(self, *, model: Any, name: str, tracking_uri: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.name = name
        self.tracking_uri = tracking_uri

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Register and attest; returns the reference of the version (`models:/NAME/VERSION`)."""
        from attestflow.integrations.mlflow.registration.register import register

        with failing_for_good():
            model = Attested.from_xcom(self.model, "model")
            made = register(
                model.uri,
                required(self.name, "name"),
                attester=self.hook.attester(self.role),
                tracking_uri=self.tracking_uri or None,
                expected=model.digest,
            )
        self.log.info("registered %s: %s, ML-BOM %s", made.uri, made.content, made.ml_bom)
        context["ti"].xcom_push(key="ml_bom", value=made.ml_bom)
        return Attested(made.name, made.uri, made.content, made.attestation).to_xcom()
