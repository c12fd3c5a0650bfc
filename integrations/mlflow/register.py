"""Registering a logged model with its papers: content attestation, provenance where a file was added, signed ML-BOM."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attestflow.clock import format_time
from attestflow.digest import ContentDigest, compare
from attestflow.documents import parse_json, parse_yaml, shown
from attestflow.errors import ConfigurationError, DigestMismatch, StoreError
from attestflow.integrations.mlflow.resolve import quiet_progress, resolve
from attestflow.predicates import ml_bom
from attestflow.predicates.provenance import BUILD_TYPE_REGISTRATION, BUILD_TYPE_TRAINING, Provenance
from attestflow.subject import Measurement, measure

if TYPE_CHECKING:
    from attestflow.attest import Attester
    from attestflow.lineage import Lineage
    from attestflow.mlbom.description import Dataset

BUILDER = "https://attestflow.dev/builders/mlflow"
PROVENANCE = "the training run's SLSA provenance"
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

    Safe to try again: a version of this very source is used and not made twice. Raises DigestMismatch when the bytes
    are not `expected` (what training attested), or change on the way by more than the file that MLflow adds.
    """
    trained_path = resolve(model_uri, tracking_uri)
    trained = measure(trained_path, name=_subject_name(name))
    if expected is not None and trained.content != expected:
        raise DigestMismatch(
            f"{shown(model_uri)} is {trained.content}, not {expected} as training attested: it is not registered",
            hint="the model was changed after training; train again",
        )
    version = _version(model_uri, name, tracking_uri)
    uri = f"models:/{name}/{version}"
    registered_path = resolve(uri, tracking_uri)
    registered = measure(registered_path, name=_subject_name(name))
    if registered.content != trained.content:
        _check_added(trained, registered, registered_path, name)
        _attest_registration(attester, trained, registered, uri)
    content = attester.attest_content(registered, kind="model")
    bom = _attest_bom(attester, registered, registered_path, name, version)
    return RegisteredVersion(name, version, uri, registered.content, content.identity, bom)


def _version(model_uri: str, name: str, tracking_uri: str | None) -> str:
    """The version made of this source before, or a new one."""
    quiet_progress()
    import mlflow
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    client = MlflowClient(tracking_uri=tracking_uri)
    try:
        quoted = name.replace("'", "\\'")
        for found in client.search_model_versions(f"name = '{quoted}'"):
            if found.source == model_uri or f"models:/{found.model_id}" == model_uri:
                return str(found.version)
        if tracking_uri is not None:
            mlflow.set_tracking_uri(tracking_uri)
        return str(mlflow.register_model(model_uri, name, await_registration_for=60).version)
    except MlflowException as exc:
        raise StoreError(f"MLflow does not register {shown(name)}: {exc.message}", retryable=True) from None


def _check_added(trained: Measurement, registered: Measurement, path: Path, name: str) -> None:
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
    meta = parse_yaml((path / META_FILE).read_bytes(), META_FILE, max_bytes=10_000, error=ConfigurationError)
    if not isinstance(meta, dict) or set(meta) != _META_KEYS or meta["model_name"] != name:
        raise DigestMismatch(f"{META_FILE} of {shown(name)} is not what MLflow writes there")


def _attest_registration(attester: Attester, trained: Measurement, registered: Measurement, uri: str) -> None:
    for listing in (trained.listing, registered.listing):
        if listing is not None:
            attester.store.put_listing(listing)
    now = format_time(attester.clock())
    predicate = Provenance(
        build_type=BUILD_TYPE_REGISTRATION,
        external_parameters={"uri": uri},
        builder_id=BUILDER,
        inputs=(trained.descriptor(),),
        started_on=now,
        finished_on=now,
    )
    attester.attest_predicate([registered.descriptor()], "https://slsa.dev/provenance/v1", predicate.to_json())


def _attest_bom(attester: Attester, registered: Measurement, path: Path, name: str, version: str) -> str:
    from attestflow.mlbom.cyclonedx import to_cyclonedx
    from attestflow.mlbom.description import Metric, Parameter
    from attestflow.mlbom.mlflow_model import describe_model_dir

    lineage = _lineage(attester, registered.content)
    runs = _training_runs(lineage)
    parameters: dict[str, Any] = {}
    metrics: dict[str, float] = {}
    for made in runs.values():
        parameters |= made.external_parameters
        metrics |= _metrics(made)
    description = describe_model_dir(
        path,
        name=name,
        version=version,
        listing=registered.listing,
        datasets=_datasets(lineage, runs),
        metrics=Metric.many(metrics, source=PROVENANCE, basis="attested"),
        parameters=Parameter.many(_flat(parameters), source=PROVENANCE, basis="attested"),
    )
    bom = to_cyclonedx(description, timestamp=attester.clock())
    document = parse_json(bom, "ML-BOM")
    return attester.attest_predicate([registered.descriptor()], ml_bom.PREDICATE_TYPE, document).identity


def _lineage(attester: Attester, content: ContentDigest) -> Lineage:
    """What verified evidence says; nothing where the attester holds no trust root."""
    from attestflow.lineage import Lineage, gather

    if attester.verifier is None:
        return Lineage(content, {}, {})
    return gather(content, attester.store, attester.verifier)


def _training_runs(lineage: Lineage) -> Mapping[str, Provenance]:
    """The verified training provenances in a lineage, by identity."""
    return {
        item.identity: made
        for node in lineage.nodes
        for item, made in lineage.provenances(node)
        if made.build_type == BUILD_TYPE_TRAINING
    }


def _datasets(lineage: Lineage, runs: Mapping[str, Provenance]) -> tuple[Dataset, ...]:
    """What the runs read, but for what is attested as a model or as code."""
    from attestflow.mlbom.description import Dataset

    found: dict[ContentDigest, Dataset] = {}
    for items in lineage.inputs.values():
        for item in items:
            if item.content is None or item.via.identity not in runs:
                continue
            if lineage.nodes[item.content].kinds - {"model", "code"} or not lineage.nodes[item.content].kinds:
                title = item.name.rstrip("/")
                found[item.content] = Dataset(
                    title, item.content, PROVENANCE, "attested", attestation=item.via.identity
                )
    return tuple(found.values())


def _metrics(made: Provenance) -> dict[str, float]:
    """Finite numbers among the byproducts' annotations of a run: a BOM holds no others."""
    found: dict[str, float] = {}
    for descriptor in made.byproducts:
        for key, value in descriptor.annotations.items():
            values = value if isinstance(value, dict) else {key: value}
            found |= {
                name: float(number)
                for name, number in values.items()
                if isinstance(number, (int, float)) and not isinstance(number, bool) and math.isfinite(number)
            }
    return found


def _flat(parameters: Mapping[str, Any]) -> dict[str, object]:
    inner = parameters.get("parameters", parameters)
    values = inner if isinstance(inner, Mapping) else parameters
    return {str(key): value for key, value in values.items() if isinstance(value, (str, int, float, bool))}


def _subject_name(model: str) -> str:
    return model.replace("/", "_")
