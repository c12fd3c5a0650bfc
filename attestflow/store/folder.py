"""A store in a folder: local disk, NFS, anything that is mounted."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from attestflow.documents import shown
from attestflow.errors import StoreError
from attestflow.store.interface import Limits, Store

_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class FolderStore(Store):
    """Files below one folder. A write goes to a temporary name, is synced, and takes its place in one step."""

    def __init__(self, root: Path, limits: Limits | None = None, *, create: bool = False) -> None:
        super().__init__(str(root), limits or Limits())
        self._root = root
        if create:
            try:
                root.mkdir(parents=True, exist_ok=True)
            except OSError as exc:
                raise _failed(self.url, exc) from None
        if not root.is_dir():
            raise StoreError(
                f"the store {shown(root)} is not there",
                hint="a store that is gone is no empty store: mount it, or make one with `attestflow init`",
            )

    def _write(self, key: str, data: bytes) -> None:
        path = self._root / key
        try:
            if self._same(path, data):
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{os.getpid()}-{os.urandom(8).hex()}.tmp")
            self._write_new(temporary, data)
            try:
                temporary.replace(path)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
            _sync_folder(path.parent)
        except OSError as exc:
            raise _failed(self.url, exc) from None

    @staticmethod
    def _same(path: Path, data: bytes) -> bool:
        try:
            return path.stat(follow_symlinks=False).st_size == len(data) and path.read_bytes() == data
        except OSError:
            return False

    @staticmethod
    def _write_new(temporary: Path, data: bytes) -> None:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def _read(self, key: str, limit: int) -> bytes | None:
        try:
            descriptor = os.open(self._root / key, _READ)
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise _failed(self.url, exc) from None
        with os.fdopen(descriptor, "rb") as file:
            try:
                data = file.read(limit + 1)
            except OSError as exc:
                raise _failed(self.url, exc) from None
        if len(data) > limit:
            raise self._too_large(key, limit)
        return data

    def _list(self, prefix: str, limit: int, left_out: frozenset[str] = frozenset()) -> list[str]:
        keys: list[str] = []
        seen = 0
        folders = [(prefix, 0)]
        while folders:
            folder, depth = folders.pop()
            try:
                with os.scandir(self._root / folder) as entries:
                    for entry in entries:
                        if entry.name in left_out:
                            continue
                        seen += 1
                        if seen > limit:
                            raise self._too_many(prefix, limit)
                        key = f"{folder}/{entry.name}"
                        if entry.is_dir(follow_symlinks=False):
                            if depth < 1:
                                folders.append((key, depth + 1))
                        elif entry.is_file(follow_symlinks=False) and not entry.name.startswith("."):
                            keys.append(key)
            except FileNotFoundError:
                self._still_there()
            except OSError as exc:
                raise _failed(self.url, exc) from None
        return keys

    def _walk(self, prefix: str) -> Iterator[str]:
        folders = [prefix]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(self._root / folder) as entries:
                    for entry in entries:
                        key = f"{folder}/{entry.name}"
                        if entry.is_dir(follow_symlinks=False):
                            folders.append(key)
                        elif entry.is_file(follow_symlinks=False) and not entry.name.startswith("."):
                            yield key
            except FileNotFoundError:
                self._still_there()
            except OSError as exc:
                raise _failed(self.url, exc) from None

    def _still_there(self) -> None:
        if not self._root.is_dir():
            raise StoreError(f"the store {shown(self._root)} is gone", retryable=True, hint="mount it again")

    def _remove(self, key: str) -> None:
        try:
            (self._root / key).unlink(missing_ok=True)
        except OSError as exc:
            raise _failed(self.url, exc) from None


def _sync_folder(folder: Path) -> None:
    """Make the new name outlive a crash; file systems that cannot sync a folder have their own ways."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as exc:
        if exc.errno not in {errno.EINVAL, errno.ENOTSUP, errno.EBADF}:
            raise
    finally:
        os.close(descriptor)


def _failed(url: str, exc: OSError) -> StoreError:
    retryable = exc.errno in {errno.EIO, errno.EAGAIN, errno.EINTR, errno.ESTALE, errno.ETIMEDOUT, errno.EBUSY}
    return StoreError(f"the store {shown(url)} failed: {exc.strerror} ({shown(exc.filename)})", retryable=retryable)
