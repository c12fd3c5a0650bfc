"""The CycloneDX JSON schema, strict and offline, over documents of any size."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from attestflow.documents import canonical_json, escaped

SPEC_VERSIONS = ("1.6", "1.7")
MAX_ERRORS = 50
# jsonschema compares the items of a `uniqueItems` list pair by pair: 10,000 files would take minutes. Long lists of
# components and dependencies are therefore checked in parts, and their uniqueness apart.
_PART = 250
_MAX_LIST = 20_000
_SPLIT = frozenset({"components", "dependencies"})


def schema_problems(bom: dict[str, Any]) -> list[tuple[str, str]]:
    """(place as a JSON path, message) for what breaks the strict schema of the document's own specVersion; [] is valid.

    `bom` is parsed JSON, at most 64 levels deep. No network is used.
    """
    version = bom.get("specVersion")
    if bom.get("bomFormat") != "CycloneDX" or version not in SPEC_VERSIONS:
        return [("$", f"no CycloneDX document of version {' or '.join(SPEC_VERSIONS)}")]
    problems: list[tuple[str, str]] = []
    parts: list[tuple[str, dict[str, Any]]] = []
    try:
        parts.append(("$", _cut(bom, "$", parts, problems, version)))
        validator = _validator(version)
        for place, part in parts:
            for error in validator.validate_str(json.dumps(part), all_errors=True) or ():
                problems.append((place + error.data.json_path[1:], escaped(error.data.message[:300])))
                if len(problems) >= MAX_ERRORS:
                    return problems
    except RecursionError:
        problems.append(("$", "nested too deep to be checked"))
    return problems


def _cut(
    node: Any, place: str, parts: list[tuple[str, dict[str, Any]]], problems: list[tuple[str, str]], version: str
) -> Any:
    """A copy of `node` with at most `_PART` entries in each long list; what was cut off goes to `parts`, as documents."""
    if isinstance(node, dict):
        result = {}
        for key, value in node.items():
            here = f"{place}.{key}"
            kept = _cut(value, here, parts, problems, version)
            if isinstance(kept, list) and len(kept) > _PART and _is_split(key, kept):
                if len({canonical_json(item) for item in value}) != len(value):
                    problems.append((escaped(here), "holds one item twice"))
                for start in range(_PART, len(kept), _PART):
                    part = {"bomFormat": "CycloneDX", "specVersion": version, key: kept[start : start + _PART]}
                    parts.append((escaped(f"{here} from {start}: "), part))
                kept = kept[:_PART]
            elif isinstance(kept, list) and len(kept) > _MAX_LIST:
                problems.append((escaped(here), f"more than {_MAX_LIST} items"))
                kept = []
            result[key] = kept
        return result
    if isinstance(node, list):
        return [_cut(item, f"{place}[{index}]", parts, problems, version) for index, item in enumerate(node)]
    return node


def _is_split(key: str, items: list[Any]) -> bool:
    return key in _SPLIT and all(isinstance(item, dict) for item in items)


@lru_cache(maxsize=len(SPEC_VERSIONS))
def _validator(version: str) -> Any:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    return JsonStrictValidator(SchemaVersion.from_version(version))


def walk(node: Any, place: str = "$") -> Iterator[tuple[str, dict[str, Any]]]:
    """Each object of a parsed document with its place, in document order."""
    stack: list[tuple[str, Any]] = [(place, node)]
    while stack:
        here, value = stack.pop()
        if isinstance(value, dict):
            yield here, value
            stack.extend(
                (f"{here}.{key}", child) for key, child in reversed(value.items()) if isinstance(child, (dict, list))
            )
        elif isinstance(value, list):
            indexed = list(enumerate(value))
            stack.extend((f"{here}[{index}]", child) for index, child in reversed(indexed))
