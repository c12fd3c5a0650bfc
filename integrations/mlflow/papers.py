"""What is signed about a registered model: which bytes it is, what it was registered from, and its ML-BOM; each once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attestflow.clock import format_time
from attestflow.digest import ContentDigest
from attestflow.documents import parse_json
from attestflow.errors import VerificationError
from attestflow.predicates import ml_bom, reference
from attestflow.predicates.provenance import BUILD_TYPE_REGISTRATION, BUILD_TYPE_TRAINING, PREDICATE_TYPE, Provenance
from attestflow.subject import Measurement

if TYPE_CHECKING:
    from attestflow.attest import Attester
    from attestflow.lineage import Lineage
    from attestflow.mlbom.description import Dataset
    from attestflow.verification.verifier import VerifiedStatement

BUILDER = "https://attestflow.dev/builders/mlflow"
TRAINING = "the training run's SLSA provenance"
_STAMPS = frozenset({"createdOn", "signer"})  # what Attester writes on each subject


def attest_registration(attester: Attester, trained: Measurement, registered: Measurement, uri: str) -> None:
    """Attest that the registered tree was made of the trained one (SLSA provenance v1); both listings go into the store."""
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


def attest_model(attester: Attester, registered: Measurement) -> str:
    """The identity of this key's content attestation of the model, made where there is none yet."""
    subject, predicate = registered.descriptor(kind="model"), reference.Reference.of(registered).to_json()
    for said in _said_before(attester, registered.content, reference.PREDICATE_TYPE):
        notes = {key: value for key, value in said.statement.subjects[0].annotations.items() if key not in _STAMPS}
        named = said.statement.subjects[0].name == subject.name and notes == subject.annotations
        if named and said.statement.predicate == predicate:
            return said.identity
    return attester.attest_content(registered, kind="model").identity


def attest_bom(attester: Attester, registered: Measurement, path: Path, name: str, version: str) -> str:
    """The identity of this key\'s ML-BOM of the model, made from its files and the training runs\' verified provenance."""
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
        metrics=Metric.many(metrics, source=TRAINING, basis="attested"),
        parameters=Parameter.many(_flat(parameters), source=TRAINING, basis="attested"),
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
                found[item.content] = Dataset(title, item.content, TRAINING, "attested", attestation=item.via.identity)
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
