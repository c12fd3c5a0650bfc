"""One small file of a measured model: the very bytes that the measurement names."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from attestflow.documents import shown
from attestflow.errors import SubjectError
from attestflow.subject import Measurement


def read_measured(path: Path, measured: Measurement, name: str, *, max_bytes: int) -> bytes | None:
    """The bytes of file `name` (slash-separated) below `path`; None where the measurement has no such file.

    Raises SubjectError where it is larger than `max_bytes`, cannot be read, or is not what was measured.
    """
    sha256 = measured.listing.get(name) if measured.listing is not None else None
    if sha256 is None:
        return None
    try:
        descriptor = os.open(path / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as exc:
        raise SubjectError(f"{shown(name)} cannot be read: {exc.strerror}") from None
    if len(data) > max_bytes:
        raise SubjectError(f"{shown(name)} is larger than {max_bytes} bytes")
    if hashlib.sha256(data).hexdigest() != sha256:
        raise SubjectError(f"{shown(name)} changed while it was read", hint="register when nothing writes there")
    return data
