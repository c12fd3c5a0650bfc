"""Registering a logged model with its papers: content attestation, provenance where a file was added, signed ML-BOM."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attestflow.digest import ContentDigest, compare
from attestflow.documents import escaped, parse_yaml, shown
from attestflow.errors import DigestMismatch, StoreError
from attestflow.integrations.mlflow.papers import attest_bom, attest_model, attest_registration
from attestflow.integrations.mlflow.resolve import fetch, quiet_progress
from attestflow.subject import Measurement, measure

if TYPE_CHECKING:
    from attestflow.attest import Attester

META_FILE = "registered_model_meta"
_META_KEYS = {"model_name", "model_version"}


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """A version in the registry: `uri` is `models:/name/version`, the rest are the identities of its attestations."""

    name: str
    version: str
    uri: str
    content: ContentDigest
    attestation: str
    ml_bom: str


def register(
    model_uri: str,
    name: str,
    *,
    attester: Attester,
    tracking_uri: str | None = None,
    expected: ContentDigest | None = None,
) -> RegisteredVersion:
    """Register `model_uri` (`models:/m-…` or `runs:/…`) as `name`, and sign what the registry now holds.

    Safe to try again: a version of this very model is used and not made twice, and what this key signed about it is not
    signed twice. Raises DigestMismatch when the bytes are not `expected` (what training attested), or change on the way
    by more than the file that MLflow adds.
    """
    with tempfile.TemporaryDirectory(prefix="attestflow-") as folder:
        trained = measure(fetch(model_uri, Path(folder, "trained"), tracking_uri), name=name)
        if expected is not None and trained.content != expected:
            raise DigestMismatch(
                f"{shown(model_uri)} is {trained.content}, not {expected} as training attested: it is not registered",
                hint="the model was changed after training; train again",
            )
        version = _version(model_uri, name, tracking_uri)
        uri = f"models:/{name}/{version}"
        path = fetch(uri, Path(folder, "registered"), tracking_uri)
        registered = measure(path, name=name)
        if registered.content != trained.content:
            _check_added(trained, registered, path, name, version)
            attest_registration(attester, trained, registered, uri)
        content = attest_model(attester, registered)
        bom = attest_bom(attester, registered, path, name, version)
    return RegisteredVersion(name, version, uri, registered.content, content, bom)


def _version(model_uri: str, name: str, tracking_uri: str | None) -> str:
    """The version made of this very model before, or a new one."""
    quiet_progress()
    import mlflow
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    client = MlflowClient(tracking_uri=tracking_uri)
    quote = '"' if "'" in name else "'"
    try:
        for found in client.search_model_versions(f"name = {quote}{name}{quote}"):
            if found.status == "READY" and _is_of(found, model_uri, client):
                return str(found.version)
        if tracking_uri is not None:
            mlflow.set_tracking_uri(tracking_uri)
        return str(mlflow.register_model(model_uri, name, await_registration_for=60).version)
    except MlflowException as exc:
        raise StoreError(f"MLflow does not register {shown(name)}: {escaped(exc.message)}", retryable=True) from None


def _is_of(version: Any, model_uri: str, client: Any) -> bool:
    """Whether a version was made of `model_uri`. For a run's path MLflow notes what it found there."""
    source = str(version.source)
    if source == model_uri:
        return True
    run_id, _, path = model_uri.removeprefix("runs:/").partition("/")
    if not model_uri.startswith("runs:/") or version.run_id != run_id:
        return False
    if source.startswith("models:/m-"):
        return bool(client.get_logged_model(source.removeprefix("models:/")).name == path)
    return source.endswith(f"/{run_id}/artifacts/{path}")


def _check_added(trained: Measurement, registered: Measurement, path: Path, name: str, version: str) -> None:
    """The registered tree may hold one file more, and that must say what MLflow says there, and nothing else."""
    if trained.listing is None or registered.listing is None:
        raise DigestMismatch(f"{shown(name)} is not registered as it was trained")
    difference = compare(trained.listing, registered.listing)
    if difference.removed or difference.changed or difference.added != (META_FILE,):
        changed = [*difference.removed, *difference.added, *(each[0] for each in difference.changed)]
        raise DigestMismatch(
            f"{shown(name)} changed on the way into the registry: {', '.join(shown(each) for each in changed[:5])}",
            hint="somebody writes where the artifacts lie; train and register again",
        )
    meta = parse_yaml((path / META_FILE).read_bytes(), META_FILE, max_bytes=10_000, error=DigestMismatch)
    # Somebody who loads the logged model before it is registered makes MLflow write nulls.
    said = [(name, version), (None, None)]
    if not isinstance(meta, dict) or set(meta) != _META_KEYS or _meta_pair(meta) not in said:
        raise DigestMismatch(f"{META_FILE} of {shown(name)} is not what MLflow writes there")


def _meta_pair(meta: Mapping[str, Any]) -> tuple[Any, Any]:
    number = meta["model_version"]
    return meta["model_name"], str(number) if isinstance(number, (int, str)) else number
