"""Which files a tree holds: every one of them, or those that a selection takes; anything but files and folders is refused."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator

from attestflow.documents import shown
from attestflow.errors import SubjectError
from attestflow.files import (
    TICK_NS,
    Files,
    Identity,
    cannot_be_read,
    changed_while_read,
    identity,
    is_young,
    kind_of,
    open_folder,
    text,
)
from attestflow.names import check_name, check_siblings
from attestflow.selection import Selection

_PATIENCE = 50  # ticks to wait for a folder in which something happens in every one of them


def scan(root: int, selection: Selection) -> Files:
    """Every regular file that `selection` takes, below the folder that is open as `root`, in no order.

    What the selection cannot reach is not looked at. Raises SubjectError for a name that a listing refuses, for names
    that collide, for symlinks, devices, sockets and pipes, and for a folder that cannot be read or is replaced meanwhile.
    """
    files = Files(root)
    waiting: list[tuple[bytes, Identity | None]] = [(b"", None)]
    while waiting:
        path, expected = waiting.pop()
        waiting.extend(_scan_folder(files, path, expected, selection))
    return files


def check_unchanged(files: Files, selection: Selection) -> None:
    """Raise SubjectError where a file came, went or was replaced since the scan that found `files`.

    That shows in the times of its folder, so only where these moved the tree is scanned again.
    """
    for path, found in files.folders:
        try:
            status = os.stat(path or b".", dir_fd=files.root, follow_symlinks=False)
        except OSError:
            raise changed_while_read(path or b".") from None
        if identity(status) != found:
            break
    else:
        return
    again = scan(files.root, selection)
    before = {name: files.identity(index) for index, name in enumerate(files.names)}
    for index, name in enumerate(again.names):
        if before.pop(name, None) != again.identity(index):
            raise _came_or_went(name)
    if before:
        raise _came_or_went(min(before))


def _scan_folder(
    files: Files, path: bytes, expected: Identity | None, selection: Selection
) -> Iterator[tuple[bytes, Identity]]:
    """Add one folder and its files to `files`; yields its folders."""
    seen: list[str] = []
    lead = path + b"/" if path else b""
    try:
        descriptor = open_folder(path or b".", files.root, lists=True)
        try:
            found = _settled(descriptor, path)
            if expected is not None and found[:2] != expected[:2]:
                raise changed_while_read(path or b".")
            files.add_folder(path, found)
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    # Names are bytes that must be UTF-8, in whatever encoding this process sees its file system.
                    name = lead + os.fsencode(entry.name)
                    plain = text(name)
                    takes, reaches = selection.takes(plain), selection.reaches(plain)
                    if not takes and not reaches:
                        continue
                    check_name(plain)
                    seen.append(plain)
                    status = entry.stat(follow_symlinks=False)
                    if stat.S_ISDIR(status.st_mode):
                        if reaches:
                            yield name, identity(status)
                    elif not stat.S_ISREG(status.st_mode):
                        raise SubjectError(
                            f"{shown(plain)} is {kind_of(status.st_mode)}",
                            hint="only files and folders can be attested: take it out, or select others with --include",
                        )
                    elif takes:
                        files.add(name, status)
        finally:
            os.close(descriptor)
    except OSError as exc:
        raise cannot_be_read(path or b".", exc) from None
    check_siblings(seen)


def _settled(descriptor: int, path: bytes) -> Identity:
    """The identity of an open folder whose last change is long enough ago for the next one to show."""
    for _ in range(_PATIENCE):
        found = identity(os.fstat(descriptor))
        if not is_young(found[4]):
            return found
        time.sleep(TICK_NS / 1e9)
    raise changed_while_read(path or b".")


def _came_or_went(name: bytes) -> SubjectError:
    return SubjectError(
        f"{shown(text(name))} came or went while the tree was read",
        hint="attest it when nothing writes to it any more",
    )
