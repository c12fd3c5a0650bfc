"""Verified at load: the switch. MLflow asks here for each `models:/` and `runs:/` URI (entry points of these names).

MLflow imports this module whenever it is itself imported, so it imports nothing; while the setting is off, MLflow gets its
own class and no more happens. `ATTESTFLOW_MLFLOW_LOAD=require` lets nothing unverified through, `warn` says so and loads.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal

SETTING = "ATTESTFLOW_MLFLOW_LOAD"
Mode = Literal["require", "warn", "off"]
_OVERRIDE: ContextVar[Mode | None] = ContextVar("attestflow_mlflow_load", default=None)


def mode() -> Mode:
    """What ATTESTFLOW_MLFLOW_LOAD says; MlflowException for any value but `require`, `warn` and nothing."""
    override = _OVERRIDE.get()
    if override is not None:
        return override
    value = os.environ.get(SETTING, "").strip()
    if not value:
        return "off"
    if value in ("require", "warn"):
        return "require" if value == "require" else "warn"
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE

    raise MlflowException(
        f"attestflow: {SETTING} is {value[:40]!r}, so nothing is loaded\n  hint: set it to require or warn, or unset it",
        error_code=INVALID_PARAMETER_VALUE,
    )


@contextmanager
def loading(as_: Mode) -> Iterator[None]:
    """Inside, this mode holds instead of the setting: `off` for what is fetched in order to be measured."""
    token = _OVERRIDE.set(as_)
    try:
        yield
    finally:
        _OVERRIDE.reset(token)


def models_repository(artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None) -> Any:
    """MLflow's repository for `models:/…`, or the one that verifies what it hands out."""
    if mode() == "off":
        from mlflow.store.artifact.models_artifact_repo import ModelsArtifactRepository

        return ModelsArtifactRepository(artifact_uri, tracking_uri, registry_uri)
    from attestflow.integrations.mlflow.loading.verified import VerifiedModelsRepository

    return VerifiedModelsRepository(artifact_uri, tracking_uri, registry_uri)


def runs_repository(artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None) -> Any:
    """MLflow's repository for `runs:/…`, or the one that verifies what it hands out."""
    if mode() == "off":
        from mlflow.store.artifact.runs_artifact_repo import RunsArtifactRepository

        return RunsArtifactRepository(artifact_uri, tracking_uri, registry_uri)
    from attestflow.integrations.mlflow.loading.verified import VerifiedRunsRepository

    return VerifiedRunsRepository(artifact_uri, tracking_uri, registry_uri)
