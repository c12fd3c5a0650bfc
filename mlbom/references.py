"""Whether a BOM's references are closed: each bom-ref once, each reference to one of them (CycloneDX 1.6, 'refLinkType')."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from attestflow.documents import shown
from attestflow.mlbom.schema import walk

# Keys whose value is a bom-ref, or a list of them, wherever they stand in the 1.6 and 1.7 schemas. Several of these names
# also hold objects elsewhere (`tools`, `dependencies`): only text is a reference.
_REFERENCES = frozenset(
    {
        *("ref", "dependsOn", "provides", "assemblies", "subjects", "dependencies", "vulnerabilities", "tools"),
        *("assessor", "requirement", "requirements", "parent", "claims", "counterClaims", "mitigationStrategies"),
        *("target", "evidence", "counterEvidence", "cryptoRefArray"),
    }
)
_BOM_LINK = re.compile(
    r"urn:cdx:([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})/([1-9][0-9]*)(?:#(.+))?",
    re.ASCII | re.DOTALL,
)


def reference_problems(bom: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(place, message) for each bom-ref that stands twice and each reference that leads nowhere."""
    known: dict[str, str] = {}
    for place, node in walk(bom):
        ref = node.get("bom-ref")
        if not isinstance(ref, str):
            continue
        if ref.startswith("urn:cdx:"):
            yield place, f"the bom-ref {shown(ref)} looks like a BOM-Link"
        if ref in known:
            yield place, f"the bom-ref {shown(ref)} is used twice, first at {known[ref]}"
        known.setdefault(ref, place)
    own = f"{str(bom.get('serialNumber')).removeprefix('urn:uuid:')}/{bom.get('version', 1)}"
    for place, target in _references(bom):
        link = _BOM_LINK.fullmatch(target)
        if link and f"{link[1]}/{link[2]}" == own and link[3] is not None:
            target = link[3]
        elif link:
            continue
        if target not in known:
            yield place, f"refers to {shown(target)}, which no bom-ref names"
    yield from _twice(bom)


def _references(bom: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for place, node in walk(bom):
        for key, value in node.items():
            if key not in _REFERENCES and not key.endswith("Ref"):
                continue
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, str):
                    yield f"{place}.{key}", item


def _twice(bom: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """A node of the dependency graph that is described twice: which of the two counts?"""
    dependencies = bom.get("dependencies")
    seen: set[str] = set()
    for index, entry in enumerate(dependencies if isinstance(dependencies, list) else ()):
        ref = entry.get("ref") if isinstance(entry, dict) else None
        if isinstance(ref, str) and ref in seen:
            yield f"$.dependencies[{index}]", f"the dependencies of {shown(ref)} are given twice"
        if isinstance(ref, str):
            seen.add(ref)
