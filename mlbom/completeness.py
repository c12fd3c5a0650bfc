"""How complete an ML-BOM is: which elements of the G7's "SBOM for AI" minimum and of CycloneDX model cards it holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from attestflow.mlbom.inspect import file_components, model_component, sha256_of

ELEMENTS: Mapping[str, str] = MappingProxyType(
    {
        "timestamp": "the time that it was made (metadata.timestamp)",
        "author": "who or which tool made it (metadata.tools, authors)",
        "serial": "a serial number",
        "name": "the model's name",
        "version": "the model's version",
        "identifier": "an identifier of the model (purl)",
        "hashes": "SHA-256 of each of the model's files",
        "licence": "the model's licence",
        "producer": "who made the model (supplier, manufacturer, authors or publisher)",
        "architecture": "the model's architecture (modelParameters)",
        "task": "the model's task (modelParameters.task)",
        "datasets": "the data sets that it was trained on, each with a digest or reference",
        "dataset-licences": "the licence of each data set",
        "metrics": "performance metrics (quantitativeAnalysis)",
        "intended-use": "users or use cases (modelCard.considerations)",
        "limitations": "technical limitations (modelCard.considerations)",
        "ethics": "ethical considerations or fairness assessments",
        "libraries": "the libraries that it needs",
        "library-licences": "the licence of each library",
        "dependencies": "how its parts depend on each other",
    }
)


def present(bom: Mapping[str, Any]) -> frozenset[str]:
    """The elements (keys of ELEMENTS) that a parsed ML-BOM holds. MalformedStatement for what is no ML-BOM."""
    model = model_component(bom)
    return frozenset(name for name in ELEMENTS if _CHECKS[name](bom, model))


def score(bom: Mapping[str, Any]) -> float:
    """The share of all elements that a BOM holds, in per cent."""
    return 100 * len(present(bom)) / len(ELEMENTS)


Check = Callable[[Mapping[str, Any], Mapping[str, Any]], bool]


def _at(holder: object, *path: str) -> Any:
    for key in path:
        holder = holder.get(key) if isinstance(holder, Mapping) else None
    return holder


def _parts(bom: Mapping[str, Any], *kinds: str) -> list[Mapping[str, Any]]:
    components = bom.get("components")
    found = components if isinstance(components, list) else []
    return [each for each in found if isinstance(each, Mapping) and each.get("type") in kinds]


def _all_licensed(parts: list[Mapping[str, Any]]) -> bool:
    return bool(parts) and all(each.get("licenses") for each in parts)


def _hashed(bom: Mapping[str, Any], model: Mapping[str, Any]) -> bool:
    files = list(file_components(model))
    return bool(files or model.get("hashes")) and all(sha256_of(each) for each in files or [model])


def _identified(data: Mapping[str, Any]) -> bool:
    return any(data.get(key) for key in ("hashes", "externalReferences", "properties", "purl", "data"))


_CHECKS: Mapping[str, Check] = {
    "timestamp": lambda bom, model: bool(_at(bom, "metadata", "timestamp")),
    "author": lambda bom, model: bool(_at(bom, "metadata", "tools") or _at(bom, "metadata", "authors")),
    "serial": lambda bom, model: bool(bom.get("serialNumber")),
    "name": lambda bom, model: bool(model.get("name")),
    "version": lambda bom, model: bool(model.get("version")),
    "identifier": lambda bom, model: bool(model.get("purl") or model.get("cpe") or model.get("swid")),
    "hashes": _hashed,
    "licence": lambda bom, model: bool(model.get("licenses")),
    "producer": lambda bom, model: any(model.get(key) for key in ("supplier", "manufacturer", "authors", "publisher")),
    "architecture": lambda bom, model: any(
        _at(model, "modelCard", "modelParameters", key) for key in ("architectureFamily", "modelArchitecture")
    ),
    "task": lambda bom, model: bool(_at(model, "modelCard", "modelParameters", "task")),
    "datasets": lambda bom, model: bool(_parts(bom, "data")) and all(map(_identified, _parts(bom, "data"))),
    "dataset-licences": lambda bom, model: _all_licensed(_parts(bom, "data")),
    "metrics": lambda bom, model: bool(_at(model, "modelCard", "quantitativeAnalysis", "performanceMetrics")),
    "intended-use": lambda bom, model: any(
        _at(model, "modelCard", "considerations", key) for key in ("users", "useCases")
    ),
    "limitations": lambda bom, model: bool(_at(model, "modelCard", "considerations", "technicalLimitations")),
    "ethics": lambda bom, model: any(
        _at(model, "modelCard", "considerations", key) for key in ("ethicalConsiderations", "fairnessAssessments")
    ),
    "libraries": lambda bom, model: bool(_parts(bom, "library", "framework")),
    "library-licences": lambda bom, model: _all_licensed(_parts(bom, "library", "framework")),
    "dependencies": lambda bom, model: bool(bom.get("dependencies")),
}
