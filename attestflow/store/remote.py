"""A store behind any fsspec URL: object stores, memory, whatever has a file system there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from attestflow.documents import shown
from attestflow.errors import ConfigurationError, StoreError
from attestflow.store.interface import Limits, Store

EXTRAS = {"s3": "s3", "s3a": "s3"}
# Where an object appears whole or not at all; everywhere else a file goes by way of a temporary name.
WHOLE_OBJECTS = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oss", "oci", "memory"})


class RemoteStore(Store):
    """Objects below one prefix. An object is written whole or not at all; files go by way of a temporary name."""

    def __init__(self, url: str, limits: Limits | None = None, *, create: bool = False) -> None:
        super().__init__(without_secrets(url), limits or Limits())
        try:
            import fsspec

            self._fs, self._root = fsspec.core.url_to_fs(url, use_listings_cache=False)
        except ImportError as exc:
            extra = EXTRAS.get(urlsplit(url).scheme)
            raise ConfigurationError(
                f"the store {shown(self.url)} needs a package that is not installed: {exc.name}",
                hint=f"pip install 'attestflow[{extra}]'" if extra else "install the fsspec package of that scheme",
            ) from None
        except Exception as exc:  # fsspec and its file systems raise what they like for a URL they cannot use
            raise ConfigurationError(f"the store {shown(self.url)} cannot be opened: {type(exc).__name__}") from None
        self._root = self._root.rstrip("/")
        protocol = self._fs.protocol
        self._whole_objects = bool(WHOLE_OBJECTS & {protocol, *(protocol if isinstance(protocol, tuple) else ())})
        if create:
            self._call(self._fs.makedirs, self._root, exist_ok=True)
        elif not self._call(self._reachable):
            raise StoreError(
                f"the store {shown(self.url)} is not there", hint="check the URL, or make one with `attestflow init`"
            )

    def _reachable(self) -> bool:
        """A prefix of an object store is there with its first object; its bucket must be there before."""
        if self._fs.exists(self._root):
            return True
        bucket = self._root.split("/", 1)[0]
        return bucket != self._root and not self._root.startswith("/") and bool(self._fs.exists(bucket))

    def _call(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        """Call into the file system; FileNotFoundError passes, whatever else it raises is a StoreError."""
        try:
            return function(*args, **kwargs)
        except (FileNotFoundError, StoreError):
            raise
        except Exception as exc:  # each file system has its own errors; none of them may look like an empty store
            retryable = isinstance(exc, OSError) and not isinstance(exc, PermissionError)
            raise StoreError(
                f"the store {shown(self.url)} failed: {type(exc).__name__}",
                retryable=retryable,
                hint="is it reachable from here, and may this account use it?",
            ) from exc

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"

    def _write(self, key: str, data: bytes) -> None:
        path = self._path(key)
        if self._whole_objects:
            self._call(self._fs.pipe_file, path, data)
            return
        folder = path.rpartition("/")[0]
        temporary = f"{folder}/.{os.getpid()}-{os.urandom(8).hex()}.tmp"
        self._call(self._fs.makedirs, folder, exist_ok=True)
        self._call(self._fs.pipe_file, temporary, data)
        self._call(self._fs.mv, temporary, path)

    def _read(self, key: str, limit: int) -> bytes | None:
        def read() -> bytes:
            with self._fs.open(self._path(key), "rb") as file:
                return bytes(file.read(limit + 1))

        try:
            data: bytes = self._call(read)
        except FileNotFoundError:
            return None
        if len(data) > limit:
            raise self._too_large(key, limit)
        return data

    def _list(self, prefix: str, limit: int, left_out: frozenset[str] = frozenset()) -> list[str]:
        try:
            found = self._call(self._fs.find, self._path(prefix), maxdepth=2)
        except FileNotFoundError:
            return []
        start = len(self._root) + 1
        keys = [str(path)[start:] for path in found]
        keys = [key for key in keys if key.removeprefix(f"{prefix}/").partition("/")[0] not in left_out]
        if len(keys) > limit:
            raise self._too_many(prefix, limit)
        return [key for key in keys if not key.rpartition("/")[2].startswith(".")]

    def _walk(self, prefix: str) -> Iterator[str]:
        try:
            found = self._call(self._fs.find, self._path(prefix))
        except FileNotFoundError:
            return
        start = len(self._root) + 1
        yield from (str(path)[start:] for path in found)

    def _remove(self, key: str) -> None:
        try:
            self._call(self._fs.rm_file, self._path(key))
        except FileNotFoundError:
            return


def without_secrets(url: str) -> str:
    """`url` as it may be shown: user information, query and fragment are cut."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
