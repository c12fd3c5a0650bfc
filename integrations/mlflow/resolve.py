"""Model URIs as targets: the bytes that a version, alias, logged model or run artifact is, on this machine."""

from __future__ import annotations

import atexit
import logging
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from attestflow.digest import ContentDigest
from attestflow.documents import shown
from attestflow.errors import ConfigurationError, StoreError
from attestflow.subject import measure

_VERSION = re.compile(r"models:/([^/@]+)/([0-9]+)")
_ALIAS = re.compile(r"models:/([^/@]+)@(.+)")
_LOGGED = re.compile(r"models:/(m-[^/@]+)")
_RUN = re.compile(r"runs:/[^/]+/.+")
HINT = "set MLFLOW_TRACKING_URI to the server, and name models:/NAME/VERSION or models:/NAME@ALIAS"


def resolve(target: str, tracking_uri: str | None = None) -> Path:
    """Download what `target` names, as it lies in the artifact store, and give the folder (removed when Python ends).

    For a registered version it is the files behind it: MLflow's own download would add one (`registered_model_meta`).
    Raises ConfigurationError for an unusable URI or a version that is not there, StoreError when the server fails.
    """
    quiet_progress()
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    folder = tempfile.mkdtemp(prefix="attestflow-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    try:
        source = underlying(target, tracking_uri)
        return Path(download_artifacts(artifact_uri=source, dst_path=folder, tracking_uri=tracking_uri))
    except MlflowException as exc:
        missing = exc.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}
        kind = ConfigurationError if missing else StoreError
        raise kind(f"{shown(target)} cannot be had from MLflow: {exc.message}", hint=HINT) from None
    except OSError as exc:
        raise StoreError(f"{shown(target)} cannot be had from MLflow: {exc}", retryable=True, hint=HINT) from None


def underlying(target: str, tracking_uri: str | None = None) -> str:
    """The artifact URI behind a registered version, an alias or a logged model; a run's URI as it is."""
    if _RUN.fullmatch(target):
        return target
    if logged := _LOGGED.fullmatch(target):
        return str(_client(tracking_uri).get_logged_model(logged[1]).artifact_location)
    version, alias = _VERSION.fullmatch(target), _ALIAS.fullmatch(target)
    if not version and not alias:
        raise ConfigurationError(f"{shown(target)} is no model URI that names one version", hint=HINT)
    client = _client(tracking_uri)
    if alias:
        number = client.get_model_version_by_alias(alias[1], alias[2]).version
        return str(client.get_model_version_download_uri(alias[1], number))
    assert version is not None
    return str(client.get_model_version_download_uri(version[1], version[2]))


def production_content(tracking_uri: str | None, model: str, to: str) -> ContentDigest | None:
    """The digest of what an alias or stage names now, None where it names nothing; errors as `resolve`."""
    from mlflow.exceptions import MlflowException

    from attestflow.verdict import fold

    kind, _, wanted = to.partition(":")
    client = _client(tracking_uri)
    try:
        if kind == "alias":
            aliases = client.get_registered_model(model).aliases
            found = (
                [aliases[wanted]] if wanted in aliases else [v for k, v in aliases.items() if fold(k) == fold(wanted)]
            )
        else:
            found = [each.version for each in client.get_latest_versions(model, [wanted])]
    except MlflowException as exc:
        if exc.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise StoreError(f"MLflow does not say what is in production: {exc.message}", hint=HINT) from None
    if not found:
        return None
    newest = max(int(version) for version in found)
    path = resolve(f"models:/{model}/{newest}", tracking_uri)
    return measure(path, name=model.replace("/", "_"), algorithms=("sha256",)).content


def quiet_progress() -> None:
    """MLflow's own progress bars and notices would stand in the middle of ours."""
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    logging.getLogger("mlflow").setLevel(logging.ERROR)


def _client(tracking_uri: str | None) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=tracking_uri)
