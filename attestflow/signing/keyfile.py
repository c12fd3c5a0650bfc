"""Key files: read only when no one else could, written only where nothing is."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from attestflow.documents import shown
from attestflow.errors import ConfigurationError

MAX_KEY_BYTES = 64 * 1024


def public_path(path: Path) -> Path:
    """Where the public half of a key file lies: `<path>.pub`."""
    return path.with_name(path.name + ".pub")


def read_private(path: Path) -> bytes:
    """The bytes of a private key file.

    Raises ConfigurationError when it is missing, no regular file, larger than 64 KiB, of another user (but root), or
    open to anyone but its owner. The checks are made on the file that is read.
    """
    what = f"key {shown(path)}"
    try:
        # O_NONBLOCK: a FIFO in a key's place must not make us wait for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as exc:
        raise ConfigurationError(
            f"{what} cannot be read: {exc.strerror}", hint="`attestflow init` makes keys"
        ) from None
    try:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise ConfigurationError(f"{what} is no regular file")
        if state.st_uid not in (os.geteuid(), 0):
            raise ConfigurationError(f"{what} belongs to another user (uid {state.st_uid})")
        if state.st_mode & 0o077:
            raise ConfigurationError(
                f"{what} has mode {stat.S_IMODE(state.st_mode):04o}: others can use it", hint=f"chmod 600 {shown(path)}"
            )
        data = os.read(descriptor, MAX_KEY_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(data) > MAX_KEY_BYTES:
        raise ConfigurationError(f"{what} is larger than any key")
    return data


def write_new(path: Path, data: bytes, mode: int) -> None:
    """Write a new file with exactly `mode`, and see it on the disk; raises ConfigurationError where one exists."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    except FileExistsError:
        raise ConfigurationError(f"{shown(path)} exists; keys are never overwritten") from None
    except OSError as exc:
        raise ConfigurationError(f"{shown(path)} cannot be written: {exc.strerror}") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
    except OSError as exc:
        path.unlink(missing_ok=True)
        raise ConfigurationError(f"{shown(path)} cannot be written: {exc.strerror}") from None
