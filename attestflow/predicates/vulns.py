"""in-toto vulnerability reports v0.2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from attestflow.clock import parse_time
from attestflow.predicates import fields

PREDICATE_TYPE = "https://in-toto.io/attestation/vulns/v0.2"


@dataclass(frozen=True, slots=True)
class Vulns:
    """One scan for known vulnerabilities (in-toto predicates/vulns_02.md).

    `ids` are those found; `database_updated` and `finished_on` are RFC 3339 in UTC.
    """

    scanner: str
    database_updated: str
    finished_on: str
    ids: tuple[str, ...]
    document: Mapping[str, Any]

    @classmethod
    def parse(cls, predicate: Mapping[str, Any], where: str = "predicate") -> Vulns:
        """Read the predicate; raises MalformedStatement with the place. A report without a result list is refused."""
        scanner = fields.mapping(predicate, "scanner", where)
        database = fields.mapping(scanner, "db", f"{where}.scanner")
        metadata = fields.mapping(predicate, "metadata", where)
        updated = fields.text(database, "lastUpdate", f"{where}.scanner.db")
        parse_time(updated, f"{where}.scanner.db.lastUpdate")
        for name in ("scanStartedOn", "scanFinishedOn"):
            parse_time(metadata.get(name), f"{where}.metadata.{name}")
        ids = []
        for index, entry in enumerate(fields.items(scanner, "result", f"{where}.scanner")):
            at = f"{where}.scanner.result[{index}]"
            ids.append(fields.text(fields.as_mapping(entry, at), "id", at))
        uri = fields.text(scanner, "uri", f"{where}.scanner")
        return cls(uri, updated, str(metadata["scanFinishedOn"]), tuple(ids), predicate)

    def to_json(self) -> dict[str, Any]:
        """The document."""
        return dict(self.document)
