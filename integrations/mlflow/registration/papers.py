"""What is signed about a registered model: which bytes it is, how it was trained and registered, its ML-BOM; each once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from attestflow.attest import Attestation, Attester
from attestflow.bundle import Bundle
from attestflow.clock import format_time
from attestflow.digest import ContentDigest
from attestflow.documents import parse_json
from attestflow.errors import ConfigurationError, VerificationError
from attestflow.integrations.mlflow.registration.candidate import Candidate
from attestflow.integrations.mlflow.registration.training import BUILDER, training_provenance
from attestflow.mlbom.description import text_problem
from attestflow.predicates import contents, ml_bom, oms, reference
from attestflow.predicates.provenance import BUILD_TYPE_REGISTRATION, BUILD_TYPE_TRAINING, PREDICATE_TYPE, Provenance
from attestflow.statement import Statement
from attestflow.subject import Measurement
from attestflow.verification.verifier import VerifiedStatement

if TYPE_CHECKING:
    from attestflow.lineage import Lineage
    from attestflow.mlbom.description import Dataset, ModelDescription

Paper: TypeAlias = Attestation | VerifiedStatement
"""A signed statement, made now or found again; both have `identity` and `statement`."""
TRAINING = "the training run's SLSA provenance"
_STAMPS = frozenset({"createdOn", "signer"})  # what Attester writes on each subject


@dataclass(frozen=True, slots=True)
class Draft:
    """What is signed before MLflow makes the version, and the ML-BOM but for the version's number."""

    content: Paper
    training: Paper | None
    oms: Paper | None
    description: ModelDescription


def sign_trained(attester: Attester, seen: Candidate, name: str, *, with_oms: bool = False) -> Draft:
    """Attest what was trained and by which run, and draft the ML-BOM: all that can fail before a version exists fails here.

    How the model was trained is signed once: where any functionary has said it, nothing is made up beside it. Raises
    IdentityError where the trust root does not let this signer say one of it, or would not let it sign an ML-BOM.
    """
    content = attest_model(attester, seen.trained)
    training = _training(attester, seen)
    signature = attest_oms(attester, seen.stored) if with_oms else None
    _require_may_sign_bom(attester, seen.trained)
    return Draft(content, training, signature, _describe(attester, seen, name))


def sign_registered(attester: Attester, seen: Candidate, draft: Draft, version: str, uri: str) -> tuple[Paper, Paper]:
    """Attest what the registry holds as `uri` and where it came from; its content attestation and its ML-BOM."""
    content = draft.content
    if seen.stored.content != seen.trained.content:
        attest_registration(attester, seen.trained, seen.stored, uri)
        content = attest_model(attester, seen.stored)
    return content, attest_bom(attester, seen.stored, draft.description, version)


def attest_registration(attester: Attester, trained: Measurement, registered: Measurement, uri: str) -> None:
    """Attest that the registered tree was made of the trained one (SLSA provenance v1); both listings go into the store."""
    for listing in (trained.listing, registered.listing):
        if listing is not None:
            attester.store.put_listing(listing)
    for said in _said_before(attester, registered.content, PREDICATE_TYPE):
        made = Provenance.parse(said.statement.predicate)
        sources = [each.content() for each in made.inputs]
        if made.build_type == BUILD_TYPE_REGISTRATION and sources == [trained.content]:
            return  # under another version's number it is the same fact about the same bytes
    now = format_time(attester.clock())
    predicate = Provenance(
        build_type=BUILD_TYPE_REGISTRATION,
        external_parameters={"uri": uri},
        builder_id=BUILDER,
        inputs=(trained.descriptor(),),
        started_on=now,
        finished_on=now,
    )
    attester.attest_predicate([registered.descriptor()], PREDICATE_TYPE, predicate.to_json())


def _training(attester: Attester, seen: Candidate) -> Paper | None:
    for said in _verified(attester, seen.trained.content, PREDICATE_TYPE):
        if Provenance.parse(said.statement.predicate).build_type != BUILD_TYPE_REGISTRATION:
            return said
    if seen.run is None:
        return None
    predicate = training_provenance(seen, attester).to_json()
    return attester.attest_predicate([seen.trained.descriptor()], PREDICATE_TYPE, predicate)


def attest_model(attester: Attester, registered: Measurement) -> Paper:
    """This key's content attestation of the model, made where there is none yet."""
    subject, predicate = registered.descriptor(kind="model"), reference.Reference.of(registered).to_json()
    for said in _said_before(attester, registered.content, reference.PREDICATE_TYPE):
        notes = {key: value for key, value in said.statement.subjects[0].annotations.items() if key not in _STAMPS}
        named = said.statement.subjects[0].name == subject.name and notes == subject.annotations
        if named and said.statement.predicate == predicate:
            return said
    return attester.attest_content(registered, kind="model")


def attest_oms(attester: Attester, registered: Measurement) -> Paper:
    """This key's OMS v1 signature of the model, made where there is none yet; it lies in the store beside the rest.

    Raises ConfigurationError where this kind of signer makes none.
    """
    for said in _said_before(attester, registered.content, oms.PREDICATE_TYPE):
        return said
    sign = getattr(attester.signer, "sign_oms", None)
    if sign is None:
        raise ConfigurationError("this signer makes no OMS signatures", hint="sign with a key, or do not ask for OMS")
    bundle = Bundle.parse(sign(registered.listing or registered.content, registered.name))
    if attester.verifier is not None:
        attester.verifier.verify(bundle)
    return Attestation(attester.store.put(bundle), bundle, Statement.parse(bundle.envelope.payload))


def attest_bom(attester: Attester, registered: Measurement, description: ModelDescription, version: str) -> Paper:
    """This key's ML-BOM of the model as that version, made from its description, where there is none yet."""
    from attestflow.mlbom.cyclonedx import to_cyclonedx

    system = replace(description.system, version=version)
    bom = to_cyclonedx(replace(description, version=version, system=system), timestamp=attester.clock())
    document = parse_json(bom, "ML-BOM")
    for said in _said_before(attester, registered.content, ml_bom.PREDICATE_TYPE):
        if _undated(said.statement.predicate) == _undated(document):
            return said
    return attester.attest_predicate([registered.descriptor()], ml_bom.PREDICATE_TYPE, document)


def _describe(attester: Attester, seen: Candidate, name: str) -> ModelDescription:
    """The model, from its files and from the training runs' verified provenance."""
    from attestflow.mlbom.description import Metric, Parameter
    from attestflow.mlbom.mlflow_model import describe_model_dir

    lineage = _lineage(attester, seen.trained.content)
    runs = _training_runs(lineage)
    parameters: dict[str, Any] = {}
    metrics: dict[str, float] = {}
    for made in runs.values():
        parameters |= _flat(made.external_parameters)
        metrics |= _metrics(made)
    return describe_model_dir(
        seen.path,
        name=name,
        listing=seen.stored.listing,
        datasets=_datasets(lineage, runs),
        metrics=Metric.many(metrics, source=TRAINING, basis="attested"),
        parameters=Parameter.many(parameters, source=TRAINING, basis="attested"),
    )


def _require_may_sign_bom(attester: Attester, measured: Measurement) -> None:
    """Sign an empty ML-BOM, verify it and throw it away: it says now what would be refused after the version exists."""
    if attester.verifier is not None:
        empty = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{}]}
        statement = Statement.build([measured.descriptor()], ml_bom.PREDICATE_TYPE, empty)
        attester.verifier.verify(attester.signer.sign(statement))


def _said_before(attester: Attester, content: ContentDigest, predicate_type: str) -> Iterator[VerifiedStatement]:
    """What this very key signed about a content, as the trust root verifies it; nothing without a trust root."""
    for verified in _verified(attester, content, predicate_type):
        if verified.key_fingerprint == attester.signer.key_fingerprint:
            yield verified


def _verified(attester: Attester, content: ContentDigest, predicate_type: str) -> Iterator[VerifiedStatement]:
    """What any functionary signed about a content; nothing without a trust root."""
    if attester.verifier is None:
        return
    for stored in attester.store.attestations(content, predicate_type):
        try:
            verified = attester.verifier.verify(stored.raw)
            about = contents(verified.statement)
        except VerificationError:
            continue  # counts as absent, as it does for the gate
        if content in about:
            yield verified


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
                if isinstance(number, (int, float))
                and not isinstance(number, bool)
                and math.isfinite(number)
                and not text_problem(name)
            }
    return found


def _flat(parameters: Mapping[str, Any]) -> dict[str, object]:
    inner = parameters.get("parameters", parameters)
    values = inner if isinstance(inner, Mapping) else parameters
    return {
        str(key): value
        for key, value in values.items()
        if isinstance(value, (str, int, float, bool)) and not text_problem(str(key))
    }
