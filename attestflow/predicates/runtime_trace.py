"""in-toto runtime traces v0.1: which files, hosts and programs a step touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from attestflow.errors import MalformedStatement
from attestflow.predicates import fields
from attestflow.statement import check_type_uri

PREDICATE_TYPE = "https://in-toto.io/attestation/runtime-trace/v0.1"
KINDS = ("fileAccess", "network", "process")
# The standard leaves the shape of entries to each monitor; these are the fields that name what was touched.
_NAMES = {
    "fileAccess": ("name", "uri", "path"),
    "network": ("address", "host", "uri", "name", "destination"),
    "process": ("path", "executable", "binary", "uri", "name"),
}


@dataclass(frozen=True, slots=True)
class RuntimeTrace:
    """What was observed (in-toto predicates/runtime-trace.md, v0.1).

    Each of `files`, `network` and `processes` holds names as the monitor wrote them, None where it did not look for them.
    """

    monitor: str
    files: tuple[str, ...] | None
    network: tuple[str, ...] | None
    processes: tuple[str, ...] | None
    document: Mapping[str, Any]

    @classmethod
    def parse(cls, predicate: Mapping[str, Any], where: str = "predicate") -> RuntimeTrace:
        """Read the predicate; raises MalformedStatement with the place, also for an entry that names nothing."""
        monitor = fields.mapping(predicate, "monitor", where)
        log = fields.mapping(predicate, "monitorLog", where)
        found = {kind: _names(log, kind, f"{where}.monitorLog") for kind in KINDS}
        if all(names is None for names in found.values()):
            raise MalformedStatement(f"{where}.monitorLog: nothing was looked for")
        return cls(
            check_type_uri(monitor.get("type"), f"{where}.monitor.type"),
            found["fileAccess"],
            found["network"],
            found["process"],
            predicate,
        )

    def to_json(self) -> dict[str, Any]:
        """The document."""
        return dict(self.document)


def _names(log: Mapping[str, Any], kind: str, where: str) -> tuple[str, ...] | None:
    if log.get(kind) is None:
        return None
    names = []
    for index, entry in enumerate(fields.items(log, kind, where)):
        at = f"{where}.{kind}[{index}]"
        name = entry if isinstance(entry, str) else _named(fields.as_mapping(entry, at), kind)
        if not isinstance(name, str) or not name:
            raise MalformedStatement(f"{at}: does not say what was touched")
        names.append(name)
    return tuple(names)


def _named(entry: Mapping[str, Any], kind: str) -> object:
    name = next((entry[key] for key in _NAMES[kind] if entry.get(key)), None)
    port = entry.get("port")
    if kind == "network" and isinstance(name, str) and isinstance(port, int) and not isinstance(port, bool):
        return f"{name}:{port}"
    return name
