"""Numbers that were attested about a model: metrics of its runs, and of BOMs that evaluated it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from attestflow.lineage import Lineage
from attestflow.policy.rules.about import own_models
from attestflow.policy.rules.latest import Latest
from attestflow.predicates import ml_bom
from attestflow.predicates.provenance import BUILD_TYPE_REGISTRATION

MAX_METRICS = 10_000


@dataclass(frozen=True, slots=True)
class Measured:
    """One value of one metric, for the whole or for a `slice` of the data, and the attestation that says so."""

    name: str
    value: float
    slice: str | None
    identity: str
    functionary: str


def run_numbers(lineage: Lineage, by: Collection[str], byproduct: str) -> tuple[Measured, ...]:
    """The numbers in a byproduct of that name, of every run by `by` that made the model."""
    found: list[Measured] = []
    for content in own_models(lineage):
        for item, made in lineage.provenances(content):
            if item.functionary not in by or made.build_type == BUILD_TYPE_REGISTRATION:
                continue
            for descriptor in made.byproducts:
                if descriptor.name == byproduct:
                    found += (
                        Measured(name, float(value), None, item.identity, item.functionary)
                        for name, value in descriptor.annotations.items()
                        if is_number(value)
                    )
    return tuple(found[:MAX_METRICS])


def bom_metrics(newest: Latest) -> tuple[Measured, ...]:
    """The performance metrics of ML-BOMs (CycloneDX modelCard.quantitativeAnalysis.performanceMetrics)."""
    found = []
    for item in newest.items:
        for entry in _performance(item.statement.predicate):
            value = _number(entry.get("value"))
            if isinstance(entry.get("type"), str) and value is not None:
                part = entry.get("slice")
                named = part if isinstance(part, str) and part else None
                found.append(Measured(entry["type"], value, named, item.identity, item.functionary))
    return tuple(found[:MAX_METRICS])


def is_number(value: object) -> bool:
    """Whether a JSON value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _performance(bom: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for component in bom.get("components") or ():
        card = component.get("modelCard") if isinstance(component, Mapping) else None
        analysis = card.get("quantitativeAnalysis") if isinstance(card, Mapping) else None
        metrics = analysis.get("performanceMetrics") if isinstance(analysis, Mapping) else None
        for entry in metrics if isinstance(metrics, list) else ():
            if isinstance(entry, Mapping):
                yield entry


def _number(value: object) -> float | None:
    """CycloneDX writes values as text."""
    try:
        number = float(value) if isinstance(value, str) and len(value) < 40 else value
    except ValueError:
        return None
    return float(number) if is_number(number) else None  # type: ignore[arg-type]


def has_metrics(predicate_type: str, predicate: Mapping[str, Any]) -> bool:
    """Whether an attestation is a BOM that holds performance metrics."""
    return predicate_type == ml_bom.PREDICATE_TYPE and any(True for _ in _performance(predicate))
