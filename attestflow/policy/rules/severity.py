"""Severities of vulnerabilities in words (CVSS 3.1, section 5: qualitative severity rating scale)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attestflow.predicates.vulns import Vulns

SEVERITIES = ("none", "low", "medium", "high", "critical")
_WORDS = {"negligible": "low", "moderate": "medium", "important": "high", **{word: word for word in SEVERITIES}}
_LIMITS = ((0.0, "none"), (3.9, "low"), (6.9, "medium"), (8.9, "high"), (10.0, "critical"))


def worst(report: Vulns) -> dict[str, str]:
    """The worst severity of each vulnerability found; one that nobody rated, or that cannot be read, is critical."""
    found: dict[str, str] = {}
    for entry in report.document["scanner"]["result"]:
        rated = [_rated(each) for each in _list(entry.get("severity"))] or ["critical"]
        known = found.get(entry["id"], "none")
        found[entry["id"]] = max([known, *rated], key=SEVERITIES.index)
    return found


def _rated(entry: object) -> str:
    score = str(entry.get("score", "")).strip().lower() if isinstance(entry, Mapping) else ""
    if score in _WORDS:
        return _WORDS[score]
    try:
        number = float(score)
    except ValueError:
        return "critical"
    return next((word for limit, word in _LIMITS if 0.0 <= number <= limit), "critical")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
