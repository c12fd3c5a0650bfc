"""A ModelDescription as a CycloneDX 1.6 JSON document (ECMA-424), strict-valid, the same bytes for the same input.

cyclonedx-python-lib makes what it has classes for; `model_card` makes the rest. The document is never read back into the
library, which would drop that rest.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from attestflow import __version__
from attestflow.documents import canonical_json, shown
from attestflow.errors import ConfigurationError
from attestflow.mlbom import model_card
from attestflow.mlbom.description import Dataset, Dependency, Environment, Licence, ModelDescription, Sourced
from attestflow.mlbom.model_card import MODEL_REF, PREFIX, SYSTEM_REF
from attestflow.mlbom.schema import schema_problems
from attestflow.mlbom.spdx import spdx_expression

SPEC_VERSION = "1.6"
MEDIA_TYPE = "application/vnd.cyclonedx+json; version=1.6"
PYTHON_REF = "platform:python"
_NAMESPACE = uuid.UUID("7d6c1b1e-6c0b-5b1f-9d0a-6b0f1a5f3c11")
_SERIAL = re.compile(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def to_cyclonedx(description: ModelDescription, *, timestamp: datetime, serial: str | None = None) -> bytes:
    """The ML-BOM of `description`: canonical JSON (UTF-8, sorted keys), valid against the strict 1.6 schema.

    `timestamp` (aware) becomes metadata.timestamp, in whole seconds of UTC. `serial` is `urn:uuid:…`; None takes a UUIDv5 of the
    document itself, so that the same description and time give the same bytes. Raises ConfigurationError where a value
    cannot stand in a BOM.
    """
    data = model_card.dataset_refs(description.datasets)
    document = _library_document(description, data)
    document.pop("$schema", None)
    document["metadata"]["timestamp"] = _utc(timestamp)
    components = {component["bom-ref"]: component for component in document["components"]}
    model = components[MODEL_REF]
    model["modelCard"] = model_card.model_card(description, data)
    for ref, dataset in data.items():
        components[ref]["data"] = model_card.component_data(dataset)
    # Scorers read the model at components[0]; data sets next, because people look for them.
    order = {MODEL_REF: 0, **dict.fromkeys(data, 1)}
    document["components"] = sorted(document["components"], key=lambda component: order.get(component["bom-ref"], 2))
    document["compositions"] = model_card.compositions(description)
    if formulas := model_card.formulation(description, data):
        document["formulation"] = formulas
    document["serialNumber"] = _serial(document, serial)
    if problems := schema_problems(document):
        place, message = problems[0]
        raise ConfigurationError(f"the ML-BOM of {shown(description.name)} is not valid at {place}: {message}")
    return canonical_json(document)


def _library_document(description: ModelDescription, data: Mapping[str, Dataset]) -> dict[str, Any]:
    """Everything that the library has classes for, as parsed JSON."""
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.lifecycle import LifecyclePhase, PredefinedLifecycle
    from cyclonedx.model.tool import ToolRepository
    from cyclonedx.output.json import JsonV1Dot6

    system = Component(
        name=description.system.name,
        version=description.system.version,
        description=description.system.description,
        type=ComponentType.APPLICATION,
        bom_ref=SYSTEM_REF,
    )
    tool = Component(name="attestflow", version=__version__, type=ComponentType.APPLICATION, bom_ref="tool:attestflow")
    model = _model_component(description)
    packages = _packages(description.environment)
    bom = Bom(
        metadata=BomMetaData(
            component=system,
            tools=ToolRepository(components=[tool]),
            lifecycles=[PredefinedLifecycle(phase=LifecyclePhase.POST_BUILD)],
        ),
        components=[model, *(_data_component(ref, dataset) for ref, dataset in data.items()), *packages.values()],
    )
    bom.register_dependency(system, [model])
    environment = description.environment
    direct = (
        [dependency.name for dependency in environment.dependencies if dependency.requirement] if environment else []
    )
    bom.register_dependency(
        model, [packages[ref] for ref in (PYTHON_REF, *map(_package_ref, direct)) if ref in packages]
    )
    for dependency in environment.dependencies if environment else ():
        bom.register_dependency(
            packages[_package_ref(dependency.name)], [packages[_package_ref(name)] for name in dependency.depends_on]
        )
    parsed: dict[str, Any] = json.loads(JsonV1Dot6(bom).output_as_string())
    return parsed


def _model_component(description: ModelDescription) -> Any:
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    qualifiers = {key: value.value for key, value in description.identifiers if key in {"run_id", "model_uuid"}}
    if description.registry_url:
        qualifiers["repository_url"] = model_card.public_url(description.registry_url)
    facts: dict[str, str] = {
        "digest": str(description.content),
        "files": str(len(description.files)),
        "size": str(sum(file.size for file in description.files)),
    }
    values: list[tuple[str, Sourced[Any] | None]] = [
        ("framework", description.framework),
        ("framework-version", description.framework_version),
        ("created-on", description.created_on),
        *((f"identifier:{key}", value) for key, value in description.identifiers),
        *((f"fact:{key}", value) for key, value in description.facts),
    ]
    facts.update({f"basis:{field}": "measured: the model's files" for field in ("digest", "files", "size")})
    for field, value in values:
        if value is not None:
            facts[field] = value.value
            facts[f"basis:{field}"] = f"{value.basis}: {value.source}"
    if environment := description.environment:
        facts["python-packages"] = "complete" if environment.complete else "incomplete"
        facts["basis:dependencies"] = f"{environment.basis}: {environment.source}"
    if description.licence:
        facts["basis:licence"] = f"{description.licence.basis}: {description.licence.source}"
    return Component(
        name=description.name,
        version=description.version,
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=MODEL_REF,
        purl=PackageURL(description.purl_type, None, description.name, description.version, qualifiers),
        licenses=_licences(description.licence.value if description.licence else None),
        properties=_properties(facts),
        external_references=[_reference(model_card.listing_reference(description.content))],
        components=[
            Component(
                name=file.name,
                type=ComponentType.FILE,
                bom_ref=f"file:{file.name}",
                hashes=_hashes({"SHA-256": file.sha256, "SHA-512": file.sha512}),
                properties=_properties({"size": str(file.size)}),
            )
            for file in description.files
        ],
    )


def _data_component(ref: str, dataset: Dataset) -> Any:
    from cyclonedx.model.component import Component, ComponentType

    facts = {
        "digest": str(dataset.content),
        "role": dataset.role,
        "basis:digest": f"{dataset.basis}: {dataset.source}",
        "attestation": dataset.attestation,
        "size": None if dataset.size is None else str(dataset.size),
    }
    licence = None
    if dataset.licence:
        valid = spdx_expression(dataset.licence)
        licence = Licence(valid, () if valid else (dataset.licence,), dataset.source)
    is_file = dataset.content.kind == "file"
    return Component(
        name=dataset.name,
        type=ComponentType.DATA,
        bom_ref=ref,
        hashes=_hashes({"SHA-256": dataset.content.sha256}) if is_file else None,
        licenses=_licences(licence),
        properties=_properties(facts),
        external_references=None if is_file else [_reference(model_card.listing_reference(dataset.content))],
    )


def _packages(environment: Environment | None) -> dict[str, Any]:
    """The interpreter and the Python distributions by bom-ref."""
    from cyclonedx.model.component import Component, ComponentType

    if environment is None:
        return {}
    implementation, _, version = environment.python.partition(" ")
    facts = {"basis:version": f"{environment.basis}: the interpreter that the packages are installed for"}
    platform = Component(
        name=implementation,
        version=version or None,
        type=ComponentType.PLATFORM,
        bom_ref=PYTHON_REF,
        properties=_properties(facts),
    )
    packages = {_package_ref(dependency.name): _package(dependency) for dependency in environment.dependencies}
    return {PYTHON_REF: platform, **packages}


def _package(dependency: Dependency) -> Any:
    from cyclonedx.model.component import Component, ComponentScope, ComponentType
    from packageurl import PackageURL

    facts = {
        "requirement": dependency.requirement,
        "installed": "false" if dependency.version is None else None,
        "requirement-satisfied": None if dependency.satisfied is None else str(dependency.satisfied).lower(),
        "record-sha256": dependency.record_sha256,
        "basis:licence": f"self-asserted: package metadata ({dependency.licence.source})"
        if dependency.licence
        else None,
    }
    hashes = {f"SHA-{algorithm.removeprefix('sha')}": value for algorithm, value in dependency.hashes}
    return Component(
        name=dependency.name,
        version=dependency.version,
        description=dependency.summary,
        type=ComponentType.LIBRARY,
        scope=ComponentScope.REQUIRED,
        bom_ref=_package_ref(dependency.name),
        purl=PackageURL("pypi", None, dependency.name, dependency.version),
        licenses=_licences(dependency.licence),
        hashes=_hashes(hashes),
        properties=_properties(facts),
    )


def _package_ref(name: str) -> str:
    return f"pypi:{name}"


def _licences(licence: Licence | None) -> list[Any] | None:
    from cyclonedx.model.license import DisjunctiveLicense, LicenseAcknowledgement, LicenseExpression
    from cyclonedx.spdx import is_supported_id

    if licence is None:
        return None
    declared = LicenseAcknowledgement.DECLARED
    if licence.expression is None:
        return [DisjunctiveLicense(name=name, acknowledgement=declared) for name in licence.names]
    if is_supported_id(licence.expression):
        return [DisjunctiveLicense(id=licence.expression, acknowledgement=declared)]
    return [LicenseExpression(licence.expression, acknowledgement=declared)]


def _hashes(hashes: Mapping[str, str]) -> list[Any]:
    from cyclonedx.model import HashAlgorithm, HashType

    return [HashType(alg=HashAlgorithm(algorithm), content=content) for algorithm, content in hashes.items()]


def _properties(facts: Mapping[str, str | None]) -> list[Any]:
    from cyclonedx.model import Property

    return [Property(name=PREFIX + name, value=value) for name, value in facts.items() if value is not None]


def _reference(reference: Mapping[str, Any]) -> Any:
    from cyclonedx.model import ExternalReference, ExternalReferenceType, XsUri

    return ExternalReference(
        type=ExternalReferenceType(reference["type"]),
        url=XsUri(reference["url"]),
        comment=reference["comment"],
        hashes=_hashes({entry["alg"]: entry["content"] for entry in reference["hashes"]}),
    )


def _utc(timestamp: datetime) -> str:
    if timestamp.tzinfo is None:
        raise ConfigurationError("the BOM's timestamp has no time zone", hint="pass datetime.now(UTC)")
    return timestamp.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _serial(document: Mapping[str, Any], serial: str | None) -> str:
    if serial is None:
        content = {key: value for key, value in document.items() if key != "serialNumber"}
        return f"urn:uuid:{uuid.uuid5(_NAMESPACE, canonical_json(content).decode())}"
    if not _SERIAL.fullmatch(serial):
        raise ConfigurationError(f"the serial number {shown(serial)} is no urn:uuid")
    return serial
