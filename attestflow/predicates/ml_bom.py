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
        """Check the marks of CycloneDX JSON, and that it names components or (a VEX) vulnerabilities.

        Raises MalformedStatement with the place.
        """
        fields.choice(predicate, "bomFormat", where, ("CycloneDX",))
        version = fields.choice(predicate, "specVersion", where, SPEC_VERSIONS)
        components = fields.optional_items(predicate, "components", where)
        vulnerabilities = fields.optional_items(predicate, "vulnerabilities", where)
        if not all(isinstance(each, Mapping) for each in (*components, *vulnerabilities)):
            raise MalformedStatement(f"{where}: components and vulnerabilities are objects")
        if not components and not vulnerabilities:
            raise MalformedStatement(f"{where}.components: no list of components")
        return cls(predicate, version, fields.optional_text(predicate, "serialNumber", where), len(components))

    @property
    def uses(self) -> frozenset[str]:
        """What the document says something about: `bom` (components), `vex` (vulnerabilities), or both."""
        pairs = {"bom": self.components > 0, "vex": bool(self.document.get("vulnerabilities"))}
        return frozenset(name for name, used in pairs.items() if used)

    def to_json(self) -> dict[str, Any]:
        """The document."""
        return dict(self.document)
