"""Where a registered version's bytes lie on the server, and whether only the server writes there."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from attestflow.documents import shown
from attestflow.errors import ConfigurationError, SubjectError

_PREFIX = "mlflow-artifacts:/"
_MAX_STEPS = 5
# `%` stands for other characters in a URL: the folder measured here and the one that a client is served would differ.
_UNCLEAR = frozenset("%?#;\\")


class Versions(Protocol):
    """What is asked of MLflow's registry store here."""

    def get_model_version_download_uri(self, name: str, version: Any) -> str:
        """`storage_location` of a version, or its source where that is empty."""
        ...


def artifact_root() -> Path:
    """The folder behind this server's `--artifacts-destination`. ConfigurationError where it has none that is local.

    Known in a server's workers, from its environment, and while `mlflow server` reads its command line.
    """
    destination, serves = _destination()
    if not destination or not serves:
        raise ConfigurationError(
            "this server does not serve artifacts, so anybody may write where its models lie",
            hint="start it with --artifacts-destination FOLDER (and without --no-serve-artifacts)",
        )
    parts = urlsplit(destination)
    if parts.scheme not in ("", "file"):
        raise ConfigurationError(
            f"artifacts go to {shown(parts.scheme)}, and this version of the gate reads local folders only",
            hint="start the server with --artifacts-destination FOLDER",
        )
    return Path(os.path.realpath(unquote(parts.path) if parts.scheme else destination))


def knows_destination() -> bool:
    """Whether this process can know where the server's artifacts lie."""
    return _destination() != (None, None)


def _destination() -> tuple[str | None, bool | None]:
    """`--artifacts-destination` and whether artifacts are served; (None, None) where this process is no server."""
    import click
    from mlflow.server.constants import (
        ARTIFACTS_DESTINATION_ENV_VAR,
        BACKEND_STORE_URI_ENV_VAR,
        SERVE_ARTIFACTS_ENV_VAR,
    )

    if os.environ.get(BACKEND_STORE_URI_ENV_VAR):
        return os.environ.get(ARTIFACTS_DESTINATION_ENV_VAR, ""), os.environ.get(SERVE_ARTIFACTS_ENV_VAR) == "true"
    context = click.get_current_context(silent=True)
    if context is not None and "artifacts_destination" in context.params:
        return context.params["artifacts_destination"] or "", bool(context.params.get("serve_artifacts"))
    return None, None


def storage_location(source: str, versions: Versions) -> str:
    """Where MLflow will say that a version created from `source` lies: one step through a `models:/` URI.

    Raises SubjectError for an alias or a stage, which may lead elsewhere tomorrow.
    """
    from mlflow.store.artifact.utils.models import _parse_model_uri

    if urlsplit(source).scheme != "models":
        return source
    parsed = _parse_model_uri(source)
    if parsed.model_id is not None:
        return str(_tracking_store().get_logged_model(parsed.model_id).artifact_location)
    if parsed.version is None:
        raise _nowhere(source)
    return versions.get_model_version_download_uri(parsed.name, parsed.version)


def followed(location: str, versions: Versions) -> str:
    """`location` itself, or where a chain of `models:/` URIs leads; SubjectError where it leads nowhere."""
    for _ in range(_MAX_STEPS):
        if urlsplit(location).scheme != "models":
            return location
        location = storage_location(location, versions)
    raise _nowhere(location)


def _nowhere(location: str) -> SubjectError:
    return SubjectError(
        f"{shown(location)} leads to no fixed place", hint="register models:/m-… or models:/NAME/VERSION itself"
    )


def _tracking_store() -> Any:
    from mlflow.server import handlers

    return handlers._get_tracking_store()


def stored_path(location: str, root: Path) -> Path:
    """The local folder of a version's `storage_location`, below `root`.

    Raises SubjectError for a location elsewhere (another bucket, another host, a path outside, a way through a symlink),
    for a name that a client's request would be served differently, and for `runs:/`: nothing is fetched from there.
    """
    parts = urlsplit(location)
    if parts.scheme == "runs":
        raise SubjectError(
            f"the version's files lie at {shown(location)}, where MLflow mixes a run's files with those of any model logged "
            "later under that name",
            hint="register the logged model (models:/m-…), or use mlflow.register_model, which finds it",
        )
    # A path of this machine is another one's own disk for the client that loads it.
    # By the letter: `MLFLOW-ARTIFACTS:/…` is the same place for a client, and would be another folder here.
    if not location.startswith(_PREFIX) or parts.netloc or not location.isprintable():
        raise _outside(location)
    segments = location.removeprefix(_PREFIX).strip("/").split("/")
    unclear = any(each in {"", ".", ".."} or _UNCLEAR & set(each) for each in segments)
    if unclear or unicodedata.normalize("NFC", location) != location:
        raise SubjectError(
            f"the version's files lie at {shown(location)}, which a server and its clients may read differently",
            hint="log the model under a plain name, and register that",
        )
    path = root / _in_workspace("/".join(segments))
    if root not in path.parents or os.path.realpath(path) != str(path):
        raise _outside(location)
    return path


def _in_workspace(path: str) -> str:
    """The path that this server itself serves for a client's request; it depends on the request's workspace."""
    from mlflow.environment_variables import MLFLOW_ENABLE_WORKSPACES

    if not MLFLOW_ENABLE_WORKSPACES.get():
        return path
    from mlflow.server import handlers

    return str(handlers._get_workspace_scoped_repo_path_if_enabled(path))


def _outside(location: str) -> SubjectError:
    return SubjectError(
        f"the version's files lie at {shown(location)}, where not only this server writes",
        hint="log the model through this server's artifact store, and register that",
    )
