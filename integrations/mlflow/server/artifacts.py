"""Artifacts behind the gate: `mlflow server --artifacts-destination attestflow+file:///srv/artifacts` (or `attestflow+s3://…`).

Over any of MLflow's artifact repositories: what is frozen is neither changed, added to nor deleted, over whichever of the
server's endpoints. A server that is started so writes to its own destination alone: an experiment may name any place as
its artifact location, the destination's own folder too, and some endpoints write there with the server's rights.
"""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import AsyncIterable, Callable, Iterator
from contextlib import contextmanager
from tempfile import mkdtemp
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from mlflow.store.artifact.artifact_repo import (
    ArtifactRepository,
    MultipartDownloadMixin,
    MultipartUploadMixin,
    StreamUploadMixin,
)

from attestflow.documents import shown
from attestflow.integrations.mlflow.server.destination_scheme import PREFIX
from attestflow.integrations.mlflow.server.frozen import Freezes, Frozen
from attestflow.integrations.mlflow.server.refusal import denied

# They write nothing themselves: they lead to another repository, or to a server, which asks again.
_LEADING_ELSEWHERE = frozenset({"runs", "models", "mlflow-artifacts", "http", "https"})
# Their multipart upload becomes visible when the server completes it, and not before. Azure's upload URLs could write at once.
_MULTIPART_SCHEMES = frozenset({"s3"})


class GuardedRepository(ArtifactRepository):  # type: ignore[misc]  # MLflow has no types here
    """Another repository, whose frozen files nobody changes. `below` is where it begins, seen from the destination's root."""

    def __init__(self, artifact_uri: str, inner: Any, below: str, freezes: Callable[[], Freezes]) -> None:
        super().__init__(artifact_uri)
        self.inner = inner
        self._below = below
        self._freezes = freezes

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        """Write a file, unless it would lie in what is frozen."""
        with self._writing(artifact_path, local_file):
            self.inner.log_artifact(local_file, artifact_path)

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
        """Write a folder's files, unless one would lie in what is frozen."""
        with self._writing(artifact_path, tree=True):
            self.inner.log_artifacts(local_dir, artifact_path)

    def delete_artifacts(self, artifact_path: str | None = None) -> None:
        """Delete a file or folder, unless it is frozen, or holds what is."""
        with self._writing(artifact_path, tree=True):
            self.inner.delete_artifacts(artifact_path)

    def list_artifacts(self, path: str | None = None) -> Any:
        """What lies in a folder."""
        return self.inner.list_artifacts(path)

    def download_artifacts(self, artifact_path: str, dst_path: str | None = None) -> str:
        """Fetch a file or folder; always a copy, whoever asks: what lies in the destination is nobody's to write to."""
        return str(self.inner.download_artifacts(artifact_path, dst_path or mkdtemp(prefix="attestflow-")))

    def get_local_path(self, artifact_path: str) -> str | None:
        """Where a file lies on this machine, for the server to send it; None where it does not."""
        path = self.inner.get_local_path(artifact_path)
        return None if path is None else str(path)

    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        self.inner._download_file(remote_file_path, local_path)

    @contextmanager
    def _writing(self, folder: str | None, file: str | None = None, *, tree: bool = False) -> Iterator[None]:
        path = posixpath.join(self._below, folder or "", posixpath.basename(file or ""))
        if ".." in path.split("/"):
            raise denied(f"{shown(path)} is no plain path")
        try:
            with self._freezes().writing(path, tree=tree):
                yield
        except Frozen as frozen:
            raise denied(
                f"{shown(path)} is frozen: {shown(frozen.path)} was promoted, or is to be",
                "log a new model and register that; `attestflow freeze --release models:/NAME/VERSION` frees the files "
                "of a version that holds no guarded alias or stage",
            ) from None


class GuardedStreams(GuardedRepository, StreamUploadMixin):  # type: ignore[misc]
    """A guarded repository that takes streams."""

    def log_artifact_from_stream(
        self, stream: BinaryIO, artifact_file_name: str, artifact_path: str | None = None
    ) -> None:
        """Write a file from a stream, unless it would lie in what is frozen."""
        with self._writing(artifact_path, artifact_file_name):
            self.inner.log_artifact_from_stream(stream, artifact_file_name, artifact_path)

    async def log_artifact_from_async_stream(
        self, chunks: AsyncIterable[bytes], artifact_file_name: str, artifact_path: str | None = None
    ) -> None:
        """Write a file from chunks, unless it would lie in what is frozen."""
        writing = self._writing(artifact_path, artifact_file_name)
        await asyncio.to_thread(writing.__enter__)
        try:
            await self.inner.log_artifact_from_async_stream(chunks, artifact_file_name, artifact_path)
        finally:
            await asyncio.to_thread(writing.__exit__, None, None, None)


class GuardedMultipart(GuardedRepository, MultipartUploadMixin, MultipartDownloadMixin):  # type: ignore[misc]
    """A guarded repository with multipart upload. The parts are nowhere to be seen until the upload is completed here."""

    def create_multipart_upload(self, local_file: str, num_parts: int = 1, artifact_path: str | None = None) -> Any:
        """Begin an upload, unless it would lie in what is frozen."""
        with self._writing(artifact_path, local_file):
            return self.inner.create_multipart_upload(posixpath.basename(local_file), num_parts, artifact_path)

    def complete_multipart_upload(
        self, local_file: str, upload_id: str, parts: Any = None, artifact_path: str | None = None
    ) -> None:
        """Make the parts a file, unless it would lie in what is frozen by now."""
        with self._writing(artifact_path, local_file):
            self.inner.complete_multipart_upload(posixpath.basename(local_file), upload_id, parts, artifact_path)

    def abort_multipart_upload(self, local_file: str, upload_id: str, artifact_path: str | None = None) -> None:
        """Drop the parts; this changes no file."""
        self.inner.abort_multipart_upload(posixpath.basename(local_file), upload_id, artifact_path)

    def get_download_presigned_url(self, artifact_path: str, expiration: int = 300) -> Any:
        """A URL to read one file from."""
        return self.inner.get_download_presigned_url(artifact_path, expiration)


class ReadOnlyRepository(GuardedRepository):
    """A repository outside this server's destination: read, and never written."""

    def _writing(self, folder: str | None, file: str | None = None, *, tree: bool = False) -> Any:
        """Refused, wherever."""
        raise denied(
            f"this server writes to its own --artifacts-destination alone, not to {shown(self.artifact_uri)}",
            "write there with a client of your own, or give the experiment no artifact location",
        )


class ReadOnlyDownloads(ReadOnlyRepository, MultipartDownloadMixin):  # type: ignore[misc]
    """The same, where MLflow can hand out URLs to read from."""

    def get_download_presigned_url(self, artifact_path: str, expiration: int = 300) -> Any:
        """A URL to read one file from."""
        return self.inner.get_download_presigned_url(artifact_path, expiration)


def guarded(artifact_uri: str, root: str) -> GuardedRepository:
    """The repository for `attestflow+<scheme>://…`, which must lie at or below `root`, the server's own destination."""
    uri = artifact_uri.rstrip("/")
    if not root.startswith(PREFIX) or not (uri == root or uri.startswith(f"{root}/")):
        raise denied(f"{shown(artifact_uri)} is not this server's --artifacts-destination", "start the server with it")
    inner = plain_repository(uri.removeprefix(PREFIX))
    chosen = GuardedRepository
    if isinstance(inner, StreamUploadMixin):
        chosen = GuardedStreams
    elif isinstance(inner, MultipartUploadMixin) and urlsplit(inner.artifact_uri).scheme in _MULTIPART_SCHEMES:
        chosen = GuardedMultipart
    return chosen(artifact_uri, inner, uri.removeprefix(root).lstrip("/"), registry_freezes)


def outside(artifact_uri: str, made: Any) -> Any:
    """A repository that a guarded server opened by another URI: read, and never written."""
    if isinstance(made, GuardedRepository) or urlsplit(artifact_uri).scheme in _LEADING_ELSEWHERE:
        return made
    chosen = ReadOnlyDownloads if isinstance(made, MultipartDownloadMixin) else ReadOnlyRepository
    return chosen(artifact_uri, made, "", registry_freezes)


def plain_repository(uri: str) -> Any:
    """MLflow's own repository for a URI, with nothing guarded. MlflowException for a scheme that MLflow does not know."""
    from mlflow.store.artifact import artifact_repository_registry as known

    scheme = urlsplit(uri).scheme
    maker = known.get_registered_artifact_repositories().get(scheme)
    if maker is None:
        raise denied(f"MLflow knows no artifact store of the scheme {shown(scheme)}", "see MLflow's artifact stores")
    return maker(uri)


def registry_freezes() -> Freezes:
    """The freezes of this server's registry. MlflowException where that is not the gated one."""
    from mlflow.server import handlers

    freezes = getattr(handlers._get_model_registry_store(), "freezes", None)
    if not isinstance(freezes, Freezes):
        raise denied(
            "this destination keeps files of promoted models from being changed, and the registry beside it has no gate",
            "start the server with --registry-store-uri attestflow:<db-uri>",
        )
    return freezes
