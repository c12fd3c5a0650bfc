"""Registering a logged model with its papers: content attestation, provenance where a file was added, signed ML-BOM."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attestflow.clock import format_time
from attestflow.digest import ContentDigest, compare
from attestflow.documents import escaped, parse_json, parse_yaml, shown
from attestflow.errors import DigestMismatch, StoreError, VerificationError
from attestflow.integrations.mlflow.resolve import fetch, quiet_progress
from attestflow.predicates import ml_bom, reference
from attestflow.predicates.provenance import BUILD_TYPE_REGISTRATION, BUILD_TYPE_TRAINING, PREDICATE_TYPE, Provenance
from attestflow.subject import Measurement, measure

if TYPE_CHECKING:
    from attestflow.attest import Attester
    from attestflow.lineage import Lineage
    from attestflow.mlbom.description import Dataset
    from attestflow.verification.verifier import VerifiedStatement

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
            _attest_registration(attester, trained, registered, uri)
        content = _attest_content(attester, registered)
        bom = _attest_bom(attester, registered, path, name, version)
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
    if model_uri in (version.source, f"models:/{version.model_id}"):
        return True
    run_id, _, path = model_uri.removeprefix("runs:/").partition("/")
    if not model_uri.startswith("runs:/") or version.run_id != run_id:
        return False
    if version.model_id:
        return bool(client.get_logged_model(version.model_id).name == path)
    return str(version.source).endswith(f"/{run_id}/artifacts/{path}")


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


def _attest_registration(attester: Attester, trained: Measurement, registered: Measurement, uri: str) -> None:
    for listing in (trained.listing, registered.listing):
        if listing is not None:
            attester.store.put_listing(listing)
    parameters = {"uri": uri}
    for said in _said_before(attester, registered.content, PREDICATE_TYPE):
        made = Provenance.parse(said.statement.predicate)
        if made.build_type == BUILD_TYPE_REGISTRATION and made.external_parameters == parameters:
            return
    now = format_time(attester.clock())
    predicate = Provenance(
        build_type=BUILD_TYPE_REGISTRATION,
        external_parameters=parameters,
        builder_id=BUILDER,
        inputs=(trained.descriptor(),),
        started_on=now,
        finished_on=now,
    )
    attester.attest_predicate([registered.descriptor()], PREDICATE_TYPE, predicate.to_json())


def _said_before(attester: Attester, content: ContentDigest, predicate_type: str) -> Iterator[VerifiedStatement]:
    """What this very key signed about a content, as the trust root verifies it; nothing without a trust root."""
    if attester.verifier is None:
        return
    for stored in attester.store.attestations(content, predicate_type):
        try:
            verified = attester.verifier.verify(stored.raw)
        except VerificationError:
            continue  # counts as absent, as it does for the gate
        if verified.key_fingerprint == attester.signer.key_fingerprint and content in verified.statement.contents():
            yield verified


def _attest_content(attester: Attester, registered: Measurement) -> str:
    """The identity of this key's content attestation of the model, made where there is none yet."""
    subject, predicate = registered.descriptor(kind="model"), reference.Reference.of(registered).to_json()
    for said in _said_before(attester, registered.content, reference.PREDICATE_TYPE):
        notes = {key: value for key, value in said.statement.subjects[0].annotations.items() if key != "createdOn"}
        named = said.statement.subjects[0].name == subject.name and notes == subject.annotations
        if named and said.statement.predicate == predicate:
            return said.identity
    return attester.attest_content(registered, kind="model").identity


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
    for said in _said_before(attester, registered.content, ml_bom.PREDICATE_TYPE):
        if _undated(said.statement.predicate) == _undated(document):
            return said.identity
    return attester.attest_predicate([registered.descriptor()], ml_bom.PREDICATE_TYPE, document).identity


def _undated(bom: Mapping[str, Any]) -> dict[str, Any]:
    """A BOM without what differs each time that it is made."""
    metadata = {key: value for key, value in bom.get("metadata", {}).items() if key != "timestamp"}
    return {**{key: value for key, value in bom.items() if key != "serialNumber"}, "metadata": metadata}


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
