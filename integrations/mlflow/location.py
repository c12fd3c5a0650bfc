"""Where a registered version's bytes lie on the server, and whether only the server writes there."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from attestflow.documents import shown
from attestflow.errors import ConfigurationError, SubjectError

ARTIFACT_SCHEME = "mlflow-artifacts"


def artifact_root() -> Path:
    """The folder behind this server's `--artifacts-destination`. ConfigurationError where it has none that is local."""
    from mlflow.server import ARTIFACTS_DESTINATION_ENV_VAR, SERVE_ARTIFACTS_ENV_VAR

    destination = os.environ.get(ARTIFACTS_DESTINATION_ENV_VAR)
    if not destination or not os.environ.get(SERVE_ARTIFACTS_ENV_VAR):
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


def stored_path(location: str, root: Path) -> Path:
    """The local folder of a version's `storage_location`, below `root`.

    Raises SubjectError for a location elsewhere (another bucket, another host, a path outside, a way through a symlink):
    nothing is fetched from there.
    """
    parts = urlsplit(location)
    if parts.scheme == ARTIFACT_SCHEME:
        if parts.netloc:
            raise _outside(location)
        relative = unquote(parts.path).lstrip("/")
        path = root / relative
    elif parts.scheme in ("", "file"):
        path = Path(unquote(parts.path) if parts.scheme else location)
    else:
        raise _outside(location)
    if parts.query or parts.fragment or ".." in path.parts or "\0" in str(path):
        raise _outside(location)
    path = Path(os.path.abspath(path))
    if path == root or root not in path.parents or Path(os.path.realpath(path)) != path:
        raise _outside(location)
    return path


def _outside(location: str) -> SubjectError:
    return SubjectError(
        f"the version's files lie at {shown(location)}, where not only this server writes",
        hint="log the model through this server's artifact store, and register that",
    )
