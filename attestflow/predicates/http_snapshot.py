"""attestflow HTTP snapshot v1: what a URL answered once, so that a policy can rely on it without asking anybody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from attestflow.errors import MalformedStatement
from attestflow.predicates import fields

PREDICATE_TYPE = "https://attestflow.dev/http-snapshot/v1"
METHODS = ("GET", "HEAD")  # what a POST answers depends on what was sent, and a snapshot does not say that
_FIELDS = frozenset({"method", "url", "status", "headers", "body", "raw"})


@dataclass(frozen=True, slots=True)
class HttpSnapshot:
    """One answer: to `method` and `url`; `body` is the JSON value (None where it was none), `raw` its text."""

    method: str
    url: str
    status: int
    headers: Mapping[str, Any]
    body: Any
    raw: str

    @classmethod
    def parse(cls, predicate: Mapping[str, Any], where: str = "predicate") -> HttpSnapshot:
        """Read the predicate; raises MalformedStatement with the place."""
        fields.no_others(predicate, _FIELDS, where)
        status = predicate.get("status")
        if not isinstance(status, int) or isinstance(status, bool) or not 100 <= status <= 599:
            raise MalformedStatement(f"{where}.status: no HTTP status")
        raw = predicate.get("raw", "")
        if not isinstance(raw, str):
            raise MalformedStatement(f"{where}.raw: no text")
        return cls(
            fields.choice(predicate, "method", where, METHODS),
            fields.text(predicate, "url", where),
            status,
            fields.optional_mapping(predicate, "headers", where),
            predicate.get("body"),
            raw,
        )

    def to_json(self) -> dict[str, Any]:
        """The predicate as JSON values."""
        return {
            "method": self.method,
            "url": self.url,
            "status": self.status,
            "headers": dict(self.headers),
            "body": self.body,
            "raw": self.raw,
        }
