"""What rules about ML-BOMs share: the newest one that describes this very model, and what stands in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attestflow.lineage import Node
from attestflow.mlbom.inspect import MODEL_TYPE, model_component, property_of, summary
from attestflow.policy.rules.report_rule import ReportRule
from attestflow.predicates import ml_bom
from attestflow.verification.verifier import VerifiedStatement

PACKAGES_PROPERTY = "attestflow:python-packages"


class BomRule(ReportRule):
    """A rule about the newest ML-BOM by `by` of the model. A BOM that says that it describes other bytes is none of it."""

    remediation = "Register the model through attestflow, which makes and signs its ML-BOM."
    report = "ML-BOM"
    predicate_type = ml_bom.PREDICATE_TYPE

    def counts(self, item: VerifiedStatement, node: Node, parameters: Mapping[str, Any]) -> bool:
        # A VEX and a BOM of something else have no model; a BOM made elsewhere names no digest, and its signature does.
        if not any(each.get("type") == MODEL_TYPE for each in components(item.statement.predicate)):
            return False
        said = summary(item.statement.predicate)
        return said.content is None or said.describes(node.content)


def components(bom: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All components of a BOM, nested ones too."""
    pending: list[Any] = list(reversed(_list(bom.get("components"))))
    while pending:
        component = pending.pop()
        if isinstance(component, Mapping):
            yield component
            pending += reversed(_list(component.get("components")))


def model(bom: Mapping[str, Any]) -> Mapping[str, Any]:
    """The component that is the model; MalformedStatement where there is not exactly one."""
    return model_component(bom)


def libraries(bom: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The components that are packages."""
    return [each for each in components(bom) if each.get("type") in ("library", "framework")]


def datasets(bom: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The components that are data sets."""
    return [each for each in components(bom) if each.get("type") == "data"]


def packages_complete(bom: Mapping[str, Any]) -> bool:
    """Whether the BOM says that it lists every package (ours says so; others by `compositions`, aggregate `complete`)."""
    stated = property_of(model(bom), PACKAGES_PROPERTY)
    if stated is not None:
        return stated == "complete"
    compositions = _list(bom.get("compositions"))
    return bool(compositions) and all(
        isinstance(each, Mapping) and each.get("aggregate") == "complete" for each in compositions
    )


def name_of(component: Mapping[str, Any]) -> str:
    """A component for people: name and version."""
    version = component.get("version")
    return f"{component.get('name')} {version}" if version else str(component.get("name"))


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
