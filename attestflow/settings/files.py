"""Reading files that decide about trust: owned by this account or root, and writable by nobody else."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from attestflow.documents import shown
from attestflow.errors import ConfigurationError

MAX_BYTES = 1024 * 1024


def read_guarded(path: Path, what: str) -> bytes:
    """The bytes of a settings file, trust root, policy or their signatures.

    Raises ConfigurationError when the file is missing, no regular file, larger than 1 MiB, owned by another user than
    this one or root, or writable by its group or by others: whoever can write it would decide what is trusted.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise ConfigurationError(
            f"{what} {shown(path)} does not exist", hint="`attestflow init` makes one; or name another"
        ) from None
    except OSError as exc:
        raise ConfigurationError(f"{what} {shown(path)} cannot be read: {exc.strerror}") from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise ConfigurationError(f"{what} {shown(path)} is not a regular file")
    with os.fdopen(descriptor, "rb") as file:
        if status.st_uid not in {0, os.geteuid()}:
            raise ConfigurationError(
                f"{what} {shown(path)} belongs to user {status.st_uid}, not to this account or root",
                hint="take a copy that you own",
            )
        if status.st_mode & 0o022:
            raise ConfigurationError(
                f"{what} {shown(path)} may be written by others (mode {stat.S_IMODE(status.st_mode):04o})",
                hint=f"chmod go-w {path}",
            )
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ConfigurationError(f"{what} {shown(path)} is larger than {MAX_BYTES} bytes")
    return data


def write_whole(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Put `data` at `path` in one step: a reader sees the old bytes or the new ones, also after a crash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
