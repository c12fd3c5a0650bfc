"""CycloneDX bills of materials as a predicate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from attestflow.errors import MalformedStatement
from attestflow.predicates import fields

PREDICATE_TYPE = "https://cyclonedx.org/bom"
SPEC_VERSIONS = ("1.5", "1.6", "1.7")


@dataclass(frozen=True, slots=True)
class MlBom:
    """A CycloneDX JSON document (in-toto predicates/cyclonedx.md) and what is read from its head; validated elsewhere."""

    document: Mapping[str, Any]
    spec_version: str
    serial_number: str | None
    components: int

    @classmethod
    def parse(cls, predicate: Mapping[str, Any], where: str = "predicate") -> MlBom:
        """Check the marks of CycloneDX JSON and that it names components; raises MalformedStatement with the place."""
        fields.choice(predicate, "bomFormat", where, ("CycloneDX",))
        version = fields.choice(predicate, "specVersion", where, SPEC_VERSIONS)
        components = fields.items(predicate, "components", where)
        if not components or not all(isinstance(component, Mapping) for component in components):
            raise MalformedStatement(f"{where}.components: no list of components")
        return cls(predicate, version, fields.optional_text(predicate, "serialNumber", where), len(components))

    def to_json(self) -> dict[str, Any]:
        """The document."""
        return dict(self.document)
