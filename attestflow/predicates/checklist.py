"""attestflow checklist v1: what a person or a service ticked before a release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from attestflow.errors import MalformedStatement
from attestflow.predicates import fields

PREDICATE_TYPE = "https://attestflow.dev/checklist/v1"
MAX_NOTE = 4000


@dataclass(frozen=True, slots=True)
class Checklist:
    """The items of a list by id, and whether each is done; `notes` hold what was written beside some."""

    done: Mapping[str, bool]
    notes: Mapping[str, str]

    @classmethod
    def parse(cls, predicate: Mapping[str, Any], where: str = "predicate") -> Checklist:
        """Read the predicate; raises MalformedStatement with the place. An id that stands twice is refused."""
        fields.no_others(predicate, frozenset({"items"}), where)
        done: dict[str, bool] = {}
        notes: dict[str, str] = {}
        for index, entry in enumerate(fields.items(predicate, "items", where)):
            at = f"{where}.items[{index}]"
            item = fields.as_mapping(entry, at)
            fields.no_others(item, frozenset({"id", "done", "note"}), at)
            name = fields.text(item, "id", at)
            if name in done:
                raise MalformedStatement(f"{at}.id: stands twice")
            if not isinstance(item.get("done"), bool):
                raise MalformedStatement(f"{at}.done: neither true nor false")
            done[name] = item["done"]
            note = fields.optional_text(item, "note", at)
            if note is not None:
                if len(note) > MAX_NOTE:
                    raise MalformedStatement(f"{at}.note: longer than {MAX_NOTE} characters")
                notes[name] = note
        if not done:
            raise MalformedStatement(f"{where}.items: an empty list")
        return cls(done, notes)

    def to_json(self) -> dict[str, Any]:
        """The predicate as JSON values."""
        rows: list[dict[str, Any]] = []
        for name, ticked in self.done.items():
            note = {"note": self.notes[name]} if name in self.notes else {}
            rows.append({"id": name, "done": ticked, **note})
        return {"items": rows}
