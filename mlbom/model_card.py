"""The parts of a CycloneDX 1.6 ML-BOM that cyclonedx-python-lib has no classes for, as JSON values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from attestflow.digest import ContentDigest
from attestflow.mlbom.description import Dataset, ModelDescription, Port, Sourced

MODEL_REF = "model"
SYSTEM_REF = "system"
PREFIX = "attestflow:"
MAX_COLUMNS = 1000

Json = dict[str, Any]


def dataset_refs(datasets: Iterable[Dataset]) -> dict[str, Dataset]:
    """Data sets by bom-ref: the digest, and a number where one content is used in several roles."""
    refs: dict[str, Dataset] = {}
    for dataset in datasets:
        base = f"data:{dataset.content}"
        ref, number = base, 1
        while ref in refs:
            number += 1
            ref = f"{base}#{number}"
        refs[ref] = dataset
    return refs


def basis(field: str, value: Sourced[Any]) -> Json:
    """The property that says how a field is known: `attestflow:basis:<field>` = `<basis>: <source>`."""
    return _property(f"basis:{field}", f"{value.basis}: {value.source}")


def model_card(description: ModelDescription, data: Mapping[str, Dataset]) -> Json:
    """modelCard of the model's component (CycloneDX 1.6, 'Model Card')."""
    parameters: Json = {}
    properties: list[Json] = []
    stated = {
        "task": description.task,
        "architectureFamily": description.architecture_family,
        "modelArchitecture": description.architecture,
    }
    if description.approach:
        parameters["approach"] = {"type": description.approach.value}
        properties.append(basis("approach", description.approach))
    for field, value in stated.items():
        if value:
            parameters[field] = value.value
            properties.append(basis(field, value))
    if data:
        parameters["datasets"] = [{"ref": ref} for ref in data]
    for field, side, ports in (("inputs", "input", description.inputs), ("outputs", "output", description.outputs)):
        if ports and ports.value:
            parameters[field] = [{"format": kind} for kind in dict.fromkeys(port.type for port in ports.value)]
            properties.append(basis(field, ports))
            properties.extend(_columns(side, ports.value))
    for parameter in description.parameters:
        properties.append(_property(f"hyperparameter:{parameter.name}", parameter.value))
        properties.append(basis(f"hyperparameter:{parameter.name}", Sourced(None, parameter.source, parameter.basis)))
    card: Json = {"bom-ref": "model-card", "modelParameters": parameters}
    if description.metrics:
        card["quantitativeAnalysis"] = {
            "performanceMetrics": [_metric(m.type, m.value, m.slice) for m in description.metrics]
        }
        for metric in description.metrics:
            name = f"metric:{metric.type}" + (f"[{metric.slice}]" if metric.slice else "")
            properties.append(basis(name, Sourced(None, metric.source, metric.basis)))
    if properties:
        card["properties"] = properties
    return card


def component_data(dataset: Dataset) -> list[Json]:
    """`data` of a data set's component (CycloneDX 1.6, 'Component Data')."""
    contents: Json = {"properties": [_property("digest", str(dataset.content))]}
    if dataset.url:
        contents["url"] = public_url(dataset.url)
    return [{"type": "dataset", "name": dataset.name, "description": f"{dataset.role} data", "contents": contents}]


def listing_reference(content: ContentDigest) -> Json:
    """A tree's listing as an external reference: its SHA-256 is the tree's digest, so this hash is a file's, truly."""
    return {
        "type": "evidence",
        "url": f"listings/{content.sha256[:2]}/{content.sha256}",
        "comment": "Listing of the tree's files (in-toto dirHash1), kept in the attestation store under its own digest",
        "hashes": [{"alg": "SHA-256", "content": content.sha256}],
    }


def formulation(description: ModelDescription, data: Mapping[str, Dataset]) -> list[Json]:
    """One workflow, the training: which data went in and that this model came out. [] where nothing is known of it."""
    run = next((value.value for key, value in description.identifiers if key == "run_id"), None)
    inputs = [{"resource": {"ref": ref}} for ref, dataset in data.items() if dataset.role == "training"]
    if run is None and not inputs:
        return []
    workflow: Json = {
        "bom-ref": "workflow:training",
        "uid": run or f"training of {description.content}",
        "name": "training",
        "taskTypes": ["build"],
        "outputs": [{"type": "artifact", "resource": {"ref": MODEL_REF}}],
    }
    if inputs:
        workflow["inputs"] = inputs
    return [{"bom-ref": "formula:training", "workflows": [workflow]}]


def compositions(description: ModelDescription) -> list[Json]:
    """How complete the lists are: the model's files entirely; its dependencies only as far as Python packages go."""
    dependencies = "unknown" if description.environment is None else "incomplete"
    return [
        {"bom-ref": "composition:files", "aggregate": "complete", "assemblies": [MODEL_REF]},
        {"bom-ref": "composition:dependencies", "aggregate": dependencies, "dependencies": [MODEL_REF]},
        {
            "bom-ref": "composition:system",
            "aggregate": "unknown",
            "assemblies": [SYSTEM_REF],
            "dependencies": [SYSTEM_REF],
        },
    ]


def public_url(url: str) -> str:
    """`url` without what may be secret: user-info, query, fragment."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _columns(side: str, ports: tuple[Port, ...]) -> list[Json]:
    """The columns of one side, by name; beyond 1,000 only how many there are."""
    named = [port for port in ports if port.name]
    listed = [
        _property(f"{side}:{port.name}", port.type + ("" if port.required else ", optional"))
        for port in named[:MAX_COLUMNS]
    ]
    if len(named) > MAX_COLUMNS:
        listed.append(_property(f"{side}s", f"{len(named)} columns, the first {MAX_COLUMNS} are listed"))
    return listed


def _metric(kind: str, value: float, part: str | None) -> Json:
    metric = {"type": kind, "value": repr(value)}
    return {**metric, "slice": part} if part else metric


def _property(name: str, value: str) -> Json:
    return {"name": PREFIX + name, "value": value}
