"""`registered_model_meta`: the one file that MLflow may add to a model between training and registry.

MLflow 3.17 writes it whenever a `models:/` URI is downloaded. Over `mlflow-artifacts:` it ends in the client's own folder;
where clients see the artifact folder itself (`--no-serve-artifacts` with a path) it ends among the model's stored files, and
each load writes it anew under the name that was loaded, nulls for `models:/m-…`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from attestflow.digest import Listing, compare
from attestflow.documents import parse_yaml, shown
from attestflow.errors import DigestMismatch
from attestflow.integrations.mlflow.registration.measured_file import read_measured
from attestflow.subject import Measurement

META_FILE = "registered_model_meta"
_KEYS = {"model_name", "model_version"}
_MAX_BYTES = 10_000


def without_meta(stored: Measurement, path: Path, is_same: Callable[[str, str], bool]) -> Measurement:
    """What `stored` was before MLflow added its file, which lies below `path`; `stored` itself where it has none.

    `is_same(name, version)` says whether that version is these very files. Raises DigestMismatch where the file says
    anything but the name and version of such a version, or nulls.
    """
    data = read_measured(path, stored, META_FILE, max_bytes=_MAX_BYTES)
    if data is None or stored.listing is None:
        return stored
    _check(data, is_same)
    listing, quick = _without(stored.listing), _without(stored.blake3_listing)
    assert listing is not None
    return replace(
        stored,
        content=listing.digest(),
        size=stored.size - len(data),
        files=stored.files - 1,
        blake3=quick.sha256 if quick is not None else None,
        listing=listing,
        blake3_listing=quick,
    )


def differing(trained: Measurement, stored: Measurement, limit: int = 5) -> str:
    """Which files differ, in words for an error; empty where a listing is missing."""
    if trained.listing is None or stored.listing is None:
        return ""
    found = compare(trained.listing, stored.listing)
    words = [f"{shown(name)} changed" for name, _, _ in found.changed]
    words += [f"{shown(name)} is missing" for name in found.removed]
    words += [f"{shown(name)} was added" for name in found.added]
    return ", ".join(words[:limit]) + (f" and {len(words) - limit} more" if len(words) > limit else "")


def _check(data: bytes, is_same: Callable[[str, str], bool]) -> None:
    meta = parse_yaml(data, META_FILE, max_bytes=_MAX_BYTES, error=DigestMismatch)
    if not isinstance(meta, dict) or set(meta) != _KEYS:
        raise _not_mlflows()
    name, version = meta["model_name"], meta["model_version"]
    if name is None and version is None:
        return
    if not isinstance(name, str) or not isinstance(version, (str, int)) or not str(version).isdecimal():
        raise _not_mlflows()
    if not is_same(name, str(version)):
        raise DigestMismatch(
            f"{META_FILE} says that these files are {shown(name)} version {shown(version)}, which are other ones",
            hint="somebody wrote it there; log the model again and register that",
        )


def _not_mlflows() -> DigestMismatch:
    return DigestMismatch(
        f"{META_FILE} is not what MLflow writes there", hint="somebody wrote it; log the model again and register that"
    )


def _without(listing: Listing | None) -> Listing | None:
    if listing is None:
        return None
    return Listing.of(((digest, name) for name, digest in listing if name != META_FILE), listing.algorithm)
