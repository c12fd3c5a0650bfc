"""What the CycloneDX schema does not check: references, purls, licences, hashes, and the files against a listing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from attestflow.digest import Listing
from attestflow.documents import escaped, parse_json, shown
from attestflow.errors import AttestflowError, MalformedStatement
from attestflow.mlbom import inspect
from attestflow.mlbom.description import text_problem
from attestflow.mlbom.references import reference_problems
from attestflow.mlbom.schema import schema_problems, walk
from attestflow.mlbom.spdx import spdx_expression

MAX_PROBLEMS = 200
_HASH_LENGTHS = {
    "MD5": 32,
    "SHA-1": 40,
    "SHA-256": 64,
    "SHA-384": 96,
    "SHA-512": 128,
    "SHA3-256": 64,
    "SHA3-384": 96,
    "SHA3-512": 128,
    "BLAKE2b-256": 64,
    "BLAKE2b-384": 96,
    "BLAKE2b-512": 128,
    "BLAKE3": 64,
    "Streebog-256": 64,
    "Streebog-512": 128,
}
# Parts that the specification keeps for one type of component.
_ONLY_IN = {"modelCard": inspect.MODEL_TYPE, "data": "data"}


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong: `check` is schema, format, references, purl, licence, hash, component, model or files."""

    check: str
    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message} [{self.check}]"


def lint(bom: bytes, listing: Listing | None = None) -> tuple[Problem, ...]:
    """The problems of a CycloneDX ML-BOM, at most 200; () means that there are none. Untrusted bytes are fine, nothing is raised.

    With `listing` (SHA-256), the model's files must be exactly those of the listing, with its digests, and the BOM must
    say that it describes that tree.
    """
    try:
        document = parse_json(bom, "ML-BOM")
    except MalformedStatement as exc:
        return (Problem("format", "$", exc.message),)
    if not isinstance(document, dict):
        return (Problem("format", "$", "no JSON object"),)
    if broken := schema_problems(document):
        return tuple(Problem("schema", place, message) for place, message in broken)
    return tuple(islice(_problems(document, listing), MAX_PROBLEMS))


def _problems(bom: Mapping[str, Any], listing: Listing | None) -> Iterator[Problem]:
    """Everything beyond the schema; `bom` is schema-valid, so types are what the schema says."""
    for place, message in reference_problems(bom):
        yield Problem("references", escaped(place), message)
    for place, node in walk(bom):
        place = escaped(place)
        if isinstance(node.get("purl"), str):
            yield from _purl(node, place)
        if isinstance(node.get("expression"), str) and spdx_expression(node["expression"]) is None:
            yield Problem("licence", place, f"{shown(node['expression'])} is no SPDX licence expression")
        if isinstance(node.get("hashes"), list):
            yield from _hashes(node["hashes"], place)
        if isinstance(node.get("type"), str) and isinstance(node.get("name"), str):
            yield from _component(node, place)
    try:
        model = inspect.model_component(bom)
        yield from _model(bom, model)
        if listing is not None:
            yield from _files(model, listing)
    except AttestflowError as exc:
        yield Problem("model", "$", exc.message)


def _purl(component: Mapping[str, Any], place: str) -> Iterator[Problem]:
    from packageurl import PackageURL

    text = component["purl"]
    try:
        purl = PackageURL.from_string(text)
    except ValueError:
        yield Problem("purl", place, f"{shown(text)} is no package URL")
        return
    if purl.to_string() != text:
        yield Problem("purl", place, f"{shown(text)} is not in canonical form: {shown(purl.to_string())}")
    version = component.get("version")
    if purl.type in {"pypi", "mlflow"} and purl.version and version is not None and purl.version != version:
        yield Problem("purl", place, f"{shown(text)} is of another version than the component's {shown(version)}")


def _hashes(hashes: list[Any], place: str) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for entry in hashes:
        algorithm, content = str(entry.get("alg")), str(entry.get("content")).lower()
        if len(content) != _HASH_LENGTHS.get(algorithm):
            yield Problem("hash", place, f"{shown(content)} is no {algorithm}")
        if seen.setdefault(algorithm, content) != content:
            yield Problem("hash", place, f"two {algorithm} hashes of one thing")


def _component(node: Mapping[str, Any], place: str) -> Iterator[Problem]:
    for key in ("name", "version"):
        value = node.get(key)
        problem = (
            text_problem(value, limit=2**20, empty=True) if isinstance(value, str) and node["type"] != "file" else None
        )
        if problem:
            yield Problem("component", place, f"its {key} {problem}: {shown(value)}")
    for key, kind in _ONLY_IN.items():
        if key in node and node["type"] != kind:
            yield Problem(
                "component", place, f"{key} stands in a component of type {node['type']}, only {kind} may have one"
            )


def _model(bom: Mapping[str, Any], model: Mapping[str, Any]) -> Iterator[Problem]:
    components = bom.get("components") or [None]
    if components[0] is not model:
        yield Problem("model", "$.components", "the model is not the first component, where readers look for it")
    timestamp = (bom.get("metadata") or {}).get("timestamp")
    if timestamp is None:
        yield Problem("model", "$.metadata", "no timestamp")
    if "serialNumber" not in bom:
        yield Problem("model", "$", "no serialNumber")


def _files(model: Mapping[str, Any], listing: Listing) -> Iterator[Problem]:
    """The model's files against the attested listing: none missing, none more, the same digests."""
    described = inspect.property_of(model, inspect.DIGEST_PROPERTY)
    if described != str(listing.digest()):
        yield Problem(
            "files", "$.components", f"describes {described or 'no tree'}, the listing is of {listing.digest()}"
        )
    wanted = dict(listing)
    seen: set[str] = set()
    for component in inspect.file_components(model):
        name, digest = str(component.get("name")), inspect.sha256_of(component)
        if name in seen:
            yield Problem("files", "$.components", f"the file {shown(name)} is listed twice")
        elif name not in wanted:
            yield Problem("files", "$.components", f"the file {shown(name)} is not in the attested listing")
        elif digest is None:
            yield Problem("files", "$.components", f"the file {shown(name)} has no SHA-256")
        elif digest != wanted[name]:
            yield Problem(
                "files", "$.components", f"the file {shown(name)} has SHA-256 {digest}, attested {wanted[name]}"
            )
        seen.add(name)
    for name in sorted(set(wanted) - seen):
        yield Problem("files", "$.components", f"the attested file {shown(name)} is missing")
