"""Which classes a skops file holds: its `schema.json`, read without skops and without loading anything.

A skops file is a zip archive whose member schema.json is the object graph: each node names its class and module
(`__class__`, `__module__`), an object's attributes lie under `content.content`.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from typing import Any

from attestflow.documents import parse_json
from attestflow.errors import SubjectError

MAX_FILE = 64 * 1024 * 1024
MAX_SCHEMA = 16 * 1024 * 1024
_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)


def architecture(data: bytes) -> tuple[str, ...] | None:
    """Dotted class names, without private modules: the estimator, or a pipeline and its steps in order.

    None where the bytes are no skops file, hold a schema that is not understood, or more than one. Such a file is not an
    error here: nothing is said about it.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [info for info in archive.infolist() if info.filename == "schema.json"]
            if len(members) != 1 or members[0].file_size > MAX_SCHEMA:
                return None
            with archive.open(members[0]) as member:
                text = member.read(MAX_SCHEMA + 1)
        return _classes(parse_json(text, "schema.json", error=SubjectError))
    except (
        zipfile.BadZipFile,
        zlib.error,
        SubjectError,
        NotImplementedError,
        RuntimeError,
        OSError,
        EOFError,
        ValueError,
    ):
        return None


def _classes(node: Any) -> tuple[str, ...] | None:
    top = _class(node)
    if top is None:
        return None
    if top not in {"sklearn.pipeline.Pipeline", "imblearn.pipeline.Pipeline"}:
        return (top,)
    steps = _steps(node)
    return None if steps is None else (top, *steps)


def _steps(node: Any) -> tuple[str, ...] | None:
    """The classes of a pipeline's steps, each a tuple node of (name, object)."""
    found: list[str] = []
    for step in _path(node, "content", "content", "steps", "content") or ():
        pair = _path(step, "content")
        if not isinstance(pair, list) or len(pair) != 2:
            return None
        name = _class(pair[1])
        if name == "builtins.str":  # "passthrough" and "drop" are text where an object would be
            continue
        if name is None:
            return None
        found.append(name)
    return tuple(found) or None


def _class(node: Any) -> str | None:
    module, name = _path(node, "__module__"), _path(node, "__class__")
    if not isinstance(module, str) or not isinstance(name, str):
        return None
    public = [part for part in module.split(".") if not part.startswith("_")]
    dotted = ".".join([*public, name])
    return dotted if len(dotted) <= 200 and _DOTTED.fullmatch(dotted) else None


def _path(node: Any, *keys: str) -> Any:
    for key in keys:
        node = node.get(key) if isinstance(node, dict) else None
    return node
