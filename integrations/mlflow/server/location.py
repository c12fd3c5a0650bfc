"""Where a registered version's bytes lie on the server, and whether only the server writes there."""

from __future__ import annotations

import unicodedata
from typing import Any, Protocol
from urllib.parse import urlsplit

from attestflow.documents import shown
from attestflow.errors import SubjectError

_PREFIX = "mlflow-artifacts:/"
_MAX_STEPS = 5
# `%` stands for other characters in a URL: the folder measured here and the one that a client is served would differ.
_UNCLEAR = frozenset("%?#;\\")


class Versions(Protocol):
    """What is asked of MLflow's registry store here."""

    def get_model_version_download_uri(self, name: str, version: Any) -> str:
        """`storage_location` of a version, or its source where that is empty."""
        ...


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


def stored_path(location: str) -> str:
    """The path below the artifacts' root that a version's `storage_location` is, slash-separated.

    Raises SubjectError for a location elsewhere (another bucket, another host, a path of a machine), for a name that a
    client's request would be served differently, and for `runs:/`: nothing is fetched from there.
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
        raise SubjectError(
            f"the version's files lie at {shown(location)}, where not only this server writes",
            hint="log the model through this server's artifact store, and register that",
        )
    segments = location.removeprefix(_PREFIX).strip("/").split("/")
    unclear = any(each in {"", ".", ".."} or _UNCLEAR & set(each) for each in segments)
    if unclear or unicodedata.normalize("NFC", location) != location:
        raise SubjectError(
            f"the version's files lie at {shown(location)}, which a server and its clients may read differently",
            hint="log the model under a plain name, and register that",
        )
    return _in_workspace("/".join(segments))


def _in_workspace(path: str) -> str:
    """The path that this server itself serves for a client's request; it depends on the request's workspace."""
    from mlflow.environment_variables import MLFLOW_ENABLE_WORKSPACES

    if not MLFLOW_ENABLE_WORKSPACES.get():
        return path
    from mlflow.server import handlers

    return str(handlers._get_workspace_scoped_repo_path_if_enabled(path))
