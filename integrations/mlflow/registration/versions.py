"""Making a version of a model in the registry, or finding the one that was made of it before."""

from __future__ import annotations

import json
from typing import Any

from attestflow.documents import escaped, shown
from attestflow.errors import StoreError
from attestflow.integrations.mlflow.quiet import quiet_progress
from attestflow.integrations.mlflow.registration.candidate import Candidate
from attestflow.integrations.mlflow.registration.signing_setup import signed_by_caller
from attestflow.integrations.mlflow.resolve import LOGGED, client_for


def answered(made: Any, name: str) -> str:
    """The number of the version that MLflow says it made; StoreError where it speaks of another model."""
    if made.name != name or not str(made.version).isdecimal():
        raise StoreError(
            f"MLflow was asked to register {shown(name)} and answered with {shown(made.name)} version {shown(made.version)}",
            hint="nothing more was signed; look at what the server did",
        )
    return str(made.version)


def version_of(seen: Candidate, name: str, tracking_uri: str | None) -> str:
    """The version made of this very model before, or a new one."""
    from mlflow.exceptions import MlflowException

    quote = '"' if "'" in name else "'"
    try:
        with quiet_progress(), signed_by_caller():
            client = client_for(tracking_uri)
            for found in client.search_model_versions(f"name = {quote}{name}{quote}"):
                if found.status == "READY" and found.source == seen.source:
                    return answered(found, name)
            return answered(_create(client, seen, name), name)
    except MlflowException as exc:
        raise StoreError(f"MLflow does not register {shown(name)}: {escaped(exc.message)}", retryable=True) from None


def _create(client: Any, seen: Candidate, name: str) -> Any:
    """What `mlflow.register_model` does, without its global tracking URI and its lines on stderr."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as exc:
        if exc.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    logged = LOGGED.fullmatch(seen.source)
    run_id = seen.run.info.run_id if seen.run is not None and logged is None else None
    made = client.create_model_version(
        name, seen.source, run_id=run_id, model_id=logged[1] if logged else None, await_creation_for=60
    )
    if logged is not None:
        _link(client, logged[1], made)
    return made


def _link(client: Any, model_id: str, made: Any) -> None:
    """Note the version on the logged model, where MLflow's page of it finds it."""
    from mlflow.utils.mlflow_tags import MLFLOW_MODEL_VERSIONS

    before = client.get_logged_model(model_id).tags.get(MLFLOW_MODEL_VERSIONS)
    try:
        versions = json.loads(before) if before else []
    except ValueError:
        versions = []
    versions = [*(versions if isinstance(versions, list) else []), {"name": made.name, "version": made.version}]
    client.set_logged_model_tags(model_id, {MLFLOW_MODEL_VERSIONS: json.dumps(versions)})
