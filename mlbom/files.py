"""A directory's files with SHA-256 and SHA-512, each file read once, and the bytes of the few that are parsed."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from attestflow.digest import Listing, compare
from attestflow.documents import shown
from attestflow.errors import DigestMismatch, SubjectError
from attestflow.mlbom.description import ModelFile
from attestflow.names import check_name

MAX_FILES = 10_000
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Files:
    """What a directory holds: its files in byte order of their names, its listing, the content of the files kept."""

    files: tuple[ModelFile, ...]
    listing: Listing
    kept: dict[str, bytes]


def read_files(root: Path, keep: Callable[[str, int], bool], *, expected: Listing | None = None) -> Files:
    """Hash every file below `root`; keep the bytes of those for which `keep(name, size)` is true.

    What is kept is what was hashed: no file is opened twice. Raises SubjectError for what has no digest (symlinks,
    devices, refused names, a file that changes while it is read, more than 10,000 files) and DigestMismatch where the
    listing is not `expected`.
    """
    names = sorted(_names(root), key=os.fsencode)
    if not names:
        raise SubjectError(f"{shown(root)} holds no files")
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        read = list(pool.map(lambda name: _read(root, name, keep), names))
    files = tuple(file for file, _ in read)
    listing = Listing.of((file.sha256, file.name) for file in files)
    if expected is not None:
        _compare(expected, listing, root)
    return Files(files, listing, {file.name: data for file, data in read if data is not None})


def _compare(expected: Listing, found: Listing, root: Path) -> None:
    if expected.data == found.data:
        return
    diff = compare(expected, found)
    name, was, now = next(
        iter(
            [
                *diff.changed,
                *((name, str(expected.get(name)), "gone") for name in diff.removed),
                *((name, "not there", str(found.get(name))) for name in diff.added),
            ]
        )
    )
    raise DigestMismatch(
        f"{shown(root)} is not the tree that was measured: expected {expected.digest()}, found {found.digest()}; "
        f"{shown(name)} was {was} and is {now}",
        hint="something writes to the model directory: attest again when it is finished",
    )


def _names(root: Path) -> Iterator[str]:
    """Names below `root`, '/'-separated; only directories and regular files pass."""
    try:
        if not stat.S_ISDIR(root.lstat().st_mode):
            raise SubjectError(f"{shown(root)} is no directory", hint="give the directory that holds the file MLmodel")
    except OSError as exc:
        raise SubjectError(f"{shown(root)} cannot be read: {exc.strerror}") from None
    pending, count = [""], 0
    while pending:
        prefix = pending.pop()
        try:
            with os.scandir(root / prefix) as entries:
                found = list(entries)
        except OSError as exc:
            raise SubjectError(f"{shown(root / prefix)} cannot be read: {exc.strerror}") from None
        for entry in found:
            name = prefix + entry.name
            check_name(name)
            if entry.is_dir(follow_symlinks=False):
                pending.append(name + "/")
                continue
            if not entry.is_file(follow_symlinks=False):
                raise SubjectError(f"{shown(name)} is a symbolic link, device or socket: it has no digest")
            count += 1
            if count > MAX_FILES:
                raise SubjectError(
                    f"{shown(root)} holds more than {MAX_FILES} files, too many to list one by one in a BOM",
                    hint="attest the model (its listing names every file) and describe a packed form of it",
                )
            yield name


def _read(root: Path, name: str, keep: Callable[[str, int], bool]) -> tuple[ModelFile, bytes | None]:
    try:
        descriptor = os.open(root / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode):
                raise SubjectError(f"{shown(name)} is no regular file")
            sha256, sha512, size = hashlib.sha256(), hashlib.sha512(), 0
            parts: list[bytes] | None = [] if keep(name, before.st_size) else None
            while chunk := file.read(_CHUNK):
                sha256.update(chunk)
                sha512.update(chunk)
                size += len(chunk)
                if parts is not None and size <= before.st_size:
                    parts.append(chunk)
            after = os.fstat(descriptor)
    except OSError as exc:
        raise SubjectError(f"{shown(name)} cannot be read: {exc.strerror}") from None
    if size != before.st_size or (before.st_mtime_ns, before.st_ctime_ns) != (after.st_mtime_ns, after.st_ctime_ns):
        raise SubjectError(f"{shown(name)} changed while it was read", hint="attest when nothing writes to the model")
    file_entry = ModelFile(name, sha256.hexdigest(), sha512.hexdigest(), size)
    return file_entry, None if parts is None else b"".join(parts)
