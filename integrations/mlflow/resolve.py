"""Model URIs as targets: the bytes that a version, alias, logged model or run artifact is, on this machine."""

from __future__ import annotations

import atexit
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attestflow.digest import ContentDigest
from attestflow.documents import escaped, shown
from attestflow.errors import ConfigurationError, StoreError
from attestflow.integrations.mlflow.loading.load import loading
from attestflow.integrations.mlflow.quiet import quiet_progress
from attestflow.integrations.mlflow.server.rows import holders
from attestflow.names import fold
from attestflow.subject import measure

VERSION = re.compile(r"models:/([^/@]+)/([0-9]+)")
ALIAS = re.compile(r"models:/([^/@]+)@(.+)")
LOGGED = re.compile(r"models:/(m-[^/@]+)")
RUN = re.compile(r"runs:/([^/]+)/(.+)")
_MISSING = frozenset({"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND"})
_MAX_STEPS = 5
HINT = "set MLFLOW_TRACKING_URI to the server, and name models:/NAME/VERSION or models:/NAME@ALIAS"


def resolve(target: str, tracking_uri: str | None = None) -> Path:
    """Download what `target` names, as `fetch` does, into a folder that is removed when Python ends.

    For programs that end soon; what runs long calls `fetch` with a folder that it removes itself.
    """
    folder = tempfile.mkdtemp(prefix="attestflow-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return fetch(target, Path(folder), tracking_uri)


def fetch(target: str, folder: Path, tracking_uri: str | None = None) -> Path:
    """Download what `target` names, as it lies in the artifact store, below `folder`, and give the path.

    For a registered version these are the files behind it: MLflow's own download would add one (`registered_model_meta`).
    Raises ConfigurationError when there is nothing of that name, StoreError when MLflow does not answer.
    """
    with asking(target), loading("off"):  # it is fetched to be measured; whoever asks decides what that says
        from mlflow.artifacts import download_artifacts

        folder.mkdir(parents=True, exist_ok=True)
        source = underlying(target, tracking_uri)
        return Path(download_artifacts(artifact_uri=source, dst_path=str(folder), tracking_uri=tracking_uri))


@contextmanager
def asking(about: str) -> Iterator[None]:
    """MLflow is quiet inside, and its errors are ours: ConfigurationError for what is not there, StoreError otherwise."""
    with quiet_progress():
        from mlflow.exceptions import MlflowException

        try:
            yield
        except MlflowException as exc:
            message = f"{shown(about)} cannot be had from MLflow: {escaped(exc.message)}"
            if exc.error_code in _MISSING:
                raise ConfigurationError(message, hint=HINT) from None
            raise StoreError(message, retryable=True, hint=HINT) from None
        except OSError as exc:
            raise StoreError(f"{shown(about)} cannot be had from MLflow: {exc}", retryable=True, hint=HINT) from None


def underlying(target: str, tracking_uri: str | None = None) -> str:
    """The artifact URI behind a registered version, an alias, a logged model or a run's model; any other URI itself."""
    client = client_for(tracking_uri)
    location = target
    for _ in range(_MAX_STEPS):  # a version made of another one leads there
        if not location.startswith(("models:", "runs:")):
            return location
        if logged := LOGGED.fullmatch(location):
            location = str(client.get_logged_model(logged[1]).artifact_location)
        elif version := VERSION.fullmatch(location):
            location = str(client.get_model_version_download_uri(version[1], version[2]))
        elif alias := ALIAS.fullmatch(location):
            number = client.get_model_version_by_alias(alias[1], alias[2]).version
            location = str(client.get_model_version_download_uri(alias[1], number))
        elif run := RUN.fullmatch(location):
            source = source_of_run(client, run[1], run[2])
            if source is None:
                return location
            location = source
        elif location == target:
            raise ConfigurationError(f"{shown(target)} is no model URI that names one version", hint=HINT)
    raise ConfigurationError(f"{shown(target)} leads from one version to the next", hint=HINT)


def source_of_run(client: Any, run_id: str, path: str) -> str | None:
    """What `mlflow.register_model("runs:/…")` takes: the run's own files, else its logged model (`models:/m-…`)."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    info = client.get_run(run_id).info
    own = f"{info.artifact_uri.rstrip('/')}/{path}"
    if any(each.path == "MLmodel" for each in get_artifact_repository(own, client.tracking_uri).list_artifacts()):
        return own
    quote = '"' if "'" in path else "'"
    models = client.search_logged_models([info.experiment_id], filter_string=f"name = {quote}{path}{quote}")
    found = [f"models:/{each.model_id}" for each in models if each.source_run_id == run_id]
    if len(found) > 1:
        raise ConfigurationError(f"runs:/{run_id}/{path} names {len(found)} models", hint="name the one: models:/m-…")
    return found[0] if found else None


def production_content(tracking_uri: str | None, model: str, to: str) -> ContentDigest | None:
    """The digest of what `alias:NAME` or `stage:NAME` of a model names now, None where it names nothing.

    Look-alikes of an alias count where the very alias is not there, as they do for the gate. Raises as `fetch`.
    """
    from mlflow.exceptions import MlflowException

    kind, _, wanted = to.partition(":")
    try:
        with quiet_progress():
            found = client_for(tracking_uri).get_registered_model(model)
    except MlflowException as exc:
        if exc.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise StoreError(
            f"MLflow does not say what is in production: {escaped(exc.message)}", retryable=True, hint=HINT
        ) from None
    latest = {str(each.current_stage): int(each.version) for each in found.latest_versions}
    if kind == "stage":
        versions = [version for stage, version in latest.items() if fold(stage) == fold(wanted)]
    elif wanted == "latest":
        versions = [max(latest.values())] if latest else []
    else:
        versions = list(holders({alias: int(version) for alias, version in found.aliases.items()}, wanted))
    if not versions:
        return None
    with tempfile.TemporaryDirectory(prefix="attestflow-") as folder:
        path = fetch(f"models:/{model}/{max(versions)}", Path(folder), tracking_uri)
        return measure(path, name=model, algorithms=("sha256",)).content


def client_for(tracking_uri: str | None) -> Any:
    """MLflow's client; its registry is MLFLOW_REGISTRY_URI's, else the tracking server's."""
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=tracking_uri)
