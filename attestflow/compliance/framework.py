"""Frameworks as tables: each row with the rules and the ML-BOM elements that serve it. They are ours, not the frameworks'."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from attestflow.documents import shown
from attestflow.errors import ConfigurationError

FRAMEWORKS = ("atlas", "nist-ai-rmf", "eu-ai-act", "g7-sbom-ai")


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its id and title in the framework, ids of rules, elements of an ML-BOM, a note, and (ATLAS) attack tests."""

    id: str
    title: str
    rules: tuple[str, ...]
    elements: tuple[str, ...]
    note: str
    attacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Framework:
    """A framework in the version that its rows were read from."""

    id: str
    title: str
    version: str
    source: str
    rows: tuple[Row, ...]


@cache
def framework(name: str) -> Framework:
    """The framework of that name; ConfigurationError where there is none."""
    if name not in FRAMEWORKS:
        raise ConfigurationError(f"there is no framework {shown(name)}", hint=f"there are {', '.join(FRAMEWORKS)}")
    document = _read(f"frameworks/{name}.json")
    rows = tuple(
        Row(
            each["id"],
            each["title"],
            tuple(each["rules"]),
            tuple(each["elements"]),
            each["note"],
            tuple(each.get("attacks", ())),
        )
        for each in document["rows"]
    )
    return Framework(document["id"], document["title"], document["version"], document["source"], rows)


def atlas_names() -> Mapping[str, str]:
    """The name of each technique and mitigation in the pinned copy of MITRE ATLAS."""
    document = _read("atlas-ids.json")
    return {**document["techniques"], **document["mitigations"]}


def _read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(files("attestflow.compliance").joinpath(name).read_text(encoding="utf-8"))
    return found
