"""The schemes `attestflow+file`, `attestflow+s3`, …: loaded by MLflow with every program that opens an artifact, so light."""

from __future__ import annotations

import os
from typing import Any

PREFIX = "attestflow+"
DESTINATION = "_MLFLOW_SERVER_ARTIFACT_DESTINATION"  # where `mlflow server` tells its workers


def guarded_repository(artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None) -> Any:
    """The repository for `attestflow+<scheme>://…` (entry points `mlflow.artifact_repository`), for servers alone.

    Raises MlflowException for a URI that is not below this server's own destination.
    """
    from attestflow.integrations.mlflow.server.artifacts import guarded

    return guarded(artifact_uri, os.environ.get(DESTINATION, "").rstrip("/"))


def _guard_other_destinations() -> None:
    """In a server with a guarded destination, every repository that is opened by another URI is read and never written."""
    from mlflow.store.artifact import artifact_repository_registry as known

    registry = known._artifact_repository_registry
    opened = registry.get_artifact_repository

    def get_artifact_repository(
        artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None
    ) -> Any:
        from attestflow.integrations.mlflow.server.artifacts import outside

        return outside(artifact_uri, opened(artifact_uri, tracking_uri, registry_uri))

    registry.get_artifact_repository = get_artifact_repository


if os.environ.get(DESTINATION, "").startswith(PREFIX):  # a server's worker, before it opens its first repository
    _guard_other_destinations()
