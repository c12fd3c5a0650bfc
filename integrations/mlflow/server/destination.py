"""The server's own artifact destination: which path a version's location is there, and what lies at it."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from attestflow.digest import ContentDigest, Listing
from attestflow.documents import escaped, shown
from attestflow.errors import ConfigurationError, StoreError, SubjectError
from attestflow.integrations.mlflow.server.destination_scheme import DESTINATION, PREFIX
from attestflow.subject import measure

MAX_FILES = 1_000_000
_LANES = 8
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Destination:
    """Where this server keeps artifacts: the URI behind `attestflow+`."""

    uri: str

    @classmethod
    def of_this_server(cls) -> Destination:
        """From the environment of a server's worker, or the command line of `mlflow server` while it is read.

        Raises ConfigurationError where artifacts are not served, and where their destination is not a guarded one.
        """
        destination, serves = _stated()
        if not destination or not serves:
            raise ConfigurationError(
                "this server does not serve artifacts, so anybody may write where its models lie",
                hint="start it with --artifacts-destination attestflow+file:///FOLDER (and without --no-serve-artifacts)",
            )
        if not destination.startswith(PREFIX):
            guarded = destination if urlsplit(destination).scheme else Path(destination).absolute().as_uri()
            raise ConfigurationError(
                f"artifacts go to {shown(destination)}, where the files of promoted models could be replaced",
                hint=f"start the server with --artifacts-destination {PREFIX}{guarded}; the files stay where they are",
            )
        return cls(destination.removeprefix(PREFIX).rstrip("/"))

    @property
    def folder(self) -> Path | None:
        """The local folder that it is, None where it is none."""
        parts = urlsplit(self.uri)
        return Path(os.path.realpath(unquote(parts.path))) if parts.scheme == "file" else None

    def check(self) -> None:
        """Raise ConfigurationError where artifacts cannot be read from it."""
        parts = urlsplit(self.uri)
        if parts.scheme == "file" and (parts.netloc or not parts.path.startswith("/")):
            raise ConfigurationError(
                f"{shown(PREFIX + self.uri)} names no folder", hint=f"write {PREFIX}file:///srv/artifacts"
            )
        self._repository()

    def measure(self, path: str, name: str) -> ContentDigest:
        """The SHA-256 digest of what lies at `path` (relative, slash-separated), read now.

        Raises SubjectError for what has no digest, for nothing at all and for a way through a symlink, StoreError
        (retryable) when the artifact store fails.
        """
        if self.folder is None:
            return self._measure_remote(path)
        place = self.folder / path
        if self.folder not in place.parents or os.path.realpath(place) != str(place):
            raise SubjectError(f"{shown(path)} does not lie in this server's artifact folder itself")
        return measure(place, name=name, algorithms=("sha256",)).content

    def _measure_remote(self, path: str) -> ContentDigest:
        repository = self._repository()
        try:
            names = list(self._files(repository, path))
            if not names:
                raise SubjectError(f"nothing lies at {shown(path)} in this server's artifact store")
            with tempfile.TemporaryDirectory(prefix="attestflow-") as folder, ThreadPoolExecutor(_LANES) as lanes:

                def entry(numbered: tuple[int, str]) -> tuple[str, str]:
                    number, remote = numbered
                    local = Path(folder, str(number))
                    repository._download_file(remote, str(local))
                    digest = _sha256(local)
                    local.unlink()
                    return digest, remote.removeprefix(f"{path}/")

                return Listing.of(lanes.map(entry, enumerate(names))).digest()
        except (SubjectError, StoreError):
            raise
        except Exception as exc:  # each artifact store has errors of its own
            raise StoreError(
                f"{shown(path)} cannot be read from the artifact store: {escaped(str(exc))[:300]}", retryable=True
            ) from None

    @staticmethod
    def _files(repository: Any, path: str) -> Iterator[str]:
        """The files below a folder, as a client that downloads it is told of them."""
        waiting, count = [path], 0
        while waiting:
            for info in repository.list_artifacts(waiting.pop()):
                if not info.path.startswith(f"{path}/"):
                    raise SubjectError(f"the artifact store lists {shown(info.path)} below {shown(path)}")
                count += 1
                if count > MAX_FILES:
                    raise SubjectError(f"more than {MAX_FILES} files lie below {shown(path)}")
                if info.is_dir:
                    waiting.append(info.path)
                else:
                    yield info.path

    def _repository(self) -> Any:
        from mlflow.exceptions import MlflowException

        from attestflow.integrations.mlflow.server.artifacts import plain_repository

        try:
            return plain_repository(self.uri)
        except MlflowException as exc:
            raise ConfigurationError(exc.message) from None
        except Exception as exc:  # a client library that is not installed, credentials that are not there
            raise ConfigurationError(f"{shown(self.uri)} cannot be opened: {escaped(str(exc))[:300]}") from None


def is_known() -> bool:
    """Whether this process can know where the server's artifacts lie."""
    return _stated() != (None, None)


def _stated() -> tuple[str | None, bool | None]:
    """`--artifacts-destination` and whether artifacts are served; (None, None) where this process is no server."""
    import click
    from mlflow.server.constants import BACKEND_STORE_URI_ENV_VAR, SERVE_ARTIFACTS_ENV_VAR

    if os.environ.get(BACKEND_STORE_URI_ENV_VAR):
        return os.environ.get(DESTINATION, ""), os.environ.get(SERVE_ARTIFACTS_ENV_VAR) == "true"
    context = click.get_current_context(silent=True)
    if context is not None and "artifacts_destination" in context.params:
        return context.params["artifacts_destination"] or "", bool(context.params.get("serve_artifacts"))
    return None, None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
