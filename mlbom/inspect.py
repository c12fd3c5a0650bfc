"""Pure questions to a parsed CycloneDX ML-BOM, for policy rules: no I/O, no library, nothing but the mapping."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from attestflow.documents import shown
from attestflow.errors import MalformedStatement

MODEL_TYPE = "machine-learning-model"
DIGEST_PROPERTY = "attestflow:digest"
SPEC_VERSIONS = frozenset({"1.5", "1.6", "1.7"})
"""Versions of CycloneDX that know machine-learning models."""


@dataclass(frozen=True, slots=True)
class BomDataset:
    """A data set that a BOM lists; `content` is its digest as text where the BOM gives attestflow's."""

    name: str
    content: str | None


@dataclass(frozen=True, slots=True)
class BomSummary:
    """What a gate needs to know of an ML-BOM. `content` is the tree digest (text) that the BOM says it describes."""

    spec_version: str
    serial_number: str | None
    model: str
    version: str | None
    content: str | None
    files: int
    datasets: tuple[BomDataset, ...]

    def describes(self, content: object) -> bool:
        """Whether the BOM says that it describes `content` (a ContentDigest or its text). A BOM without a digest does not."""
        return self.content is not None and self.content == str(content)


def summary(bom: Mapping[str, Any]) -> BomSummary:
    """The summary of a parsed BOM; MalformedStatement for what is no CycloneDX ML-BOM or says one thing twice."""
    if bom.get("bomFormat") != "CycloneDX":
        _fail(f"bomFormat is {shown(bom.get('bomFormat'))}, not CycloneDX")
    spec_version = bom.get("specVersion")
    if not isinstance(spec_version, str) or spec_version not in SPEC_VERSIONS:
        _fail(f"specVersion {shown(spec_version)} is none of {', '.join(sorted(SPEC_VERSIONS))}")
    model = model_component(bom)
    return BomSummary(
        spec_version=spec_version,
        serial_number=_optional(bom, "serialNumber"),
        model=_name(model),
        version=_optional(model, "version"),
        content=property_of(model, DIGEST_PROPERTY),
        files=sum(1 for _ in file_components(model)),
        datasets=tuple(
            BomDataset(_name(component), property_of(component, DIGEST_PROPERTY))
            for component in _objects(bom, "components")
            if component.get("type") == "data"
        ),
    )


def model_component(bom: Mapping[str, Any]) -> Mapping[str, Any]:
    """The one component that is the model: of `components`, else metadata.component. MalformedStatement for none or two."""
    found = [component for component in _objects(bom, "components") if component.get("type") == MODEL_TYPE]
    metadata = bom.get("metadata")
    system = metadata.get("component") if isinstance(metadata, Mapping) else None
    if not found and isinstance(system, Mapping) and system.get("type") == MODEL_TYPE:
        found = [system]
    if not found:
        _fail(f"no component of type {MODEL_TYPE}")
    marked = [component for component in found if property_of(component, DIGEST_PROPERTY) is not None]
    if len(found) > 1 and len(marked) != 1:
        _fail(f"{len(found)} components of type {MODEL_TYPE}: which one the BOM is about is not said")
    return marked[0] if marked else found[0]


def file_components(component: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The components of type file nested in `component`, at any depth."""
    pending = [component]
    while pending:
        for child in _objects(pending.pop(), "components"):
            pending.append(child)
            if child.get("type") == "file":
                yield child


def sha256_of(component: Mapping[str, Any]) -> str | None:
    """A component's SHA-256 (lower-case hex); None where it has none, MalformedStatement where it has two."""
    found = {
        str(entry.get("content")).lower() for entry in _objects(component, "hashes") if entry.get("alg") == "SHA-256"
    }
    if len(found) > 1:
        _fail(f"{shown(component.get('name'))} has two SHA-256 hashes")
    return next(iter(found), None)


def property_of(component: Mapping[str, Any], name: str) -> str | None:
    """The value of a property; MalformedStatement where it stands twice or is no text."""
    values = [entry.get("value") for entry in _objects(component, "properties") if entry.get("name") == name]
    if len(values) > 1:
        _fail(f"the property {shown(name)} stands twice in {shown(component.get('name'))}")
    if values and not isinstance(values[0], str):
        _fail(f"the property {shown(name)} is no text")
    return values[0] if values else None


def _objects(parent: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """A list of objects, [] where it is absent."""
    value = parent.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        _fail(f"{key} is no list of objects")
    return value


def _name(component: Mapping[str, Any]) -> str:
    name = component.get("name")
    if not isinstance(name, str) or not name:
        _fail("a component without a name")
    return name


def _optional(parent: Mapping[str, Any], key: str) -> str | None:
    value = parent.get(key)
    if value is not None and not isinstance(value, str):
        _fail(f"{key} is no text")
    return value


def _fail(problem: str) -> NoReturn:
    raise MalformedStatement(
        f"ML-BOM: {problem}", hint="make the BOM with attestflow, or with a tool that lists the model"
    )
