"""How one model differs from another: data, code, libraries, metrics, licences, parameters, files, by verified evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from attestflow.lineage import Lineage
from attestflow.mlbom.inspect import MODEL_TYPE
from attestflow.policy.rules.about import own_models
from attestflow.policy.rules.boms import components, datasets, libraries, name_of
from attestflow.policy.rules.licences_allowed import licences
from attestflow.policy.rules.measurements import is_number
from attestflow.predicates import ml_bom
from attestflow.predicates.provenance import BUILD_TYPE_REGISTRATION, Provenance

SECTIONS = ("data", "code", "libraries", "metrics", "licences", "parameters", "files")
MAX_CHANGES = 1000


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs: what it is called, what it was (None: it was not there), and what it is (None: it is gone)."""

    name: str
    before: str | None
    now: str | None

    @property
    def word(self) -> str:
        """`added`, `removed` or `changed`."""
        return "added" if self.before is None else "removed" if self.now is None else "changed"

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {"name": self.name, "before": self.before, "now": self.now}


@dataclass(frozen=True, slots=True)
class Differences:
    """The changes, by section (`SECTIONS`), names in order; `unknown` are sections of which one side attests nothing."""

    sections: Mapping[str, tuple[Change, ...]]
    unknown: tuple[str, ...]

    def __bool__(self) -> bool:
        return any(self.sections.values())

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "changes": {name: [each.to_json() for each in changes] for name, changes in self.sections.items()},
            "unknown": list(self.unknown),
        }


def differences(new: Lineage, old: Lineage) -> Differences:
    """What differs between the subjects of two lineages. What several statements say differently of one model stands joined."""
    sides = [_facts(new), _facts(old)]
    sections: dict[str, tuple[Change, ...]] = {}
    unknown = []
    for section in SECTIONS:
        now, before = (side[section] for side in sides)
        sections[section] = tuple(_changes(before, now))[:MAX_CHANGES]
        if bool(now) is not bool(before):
            unknown.append(section)
    return Differences(sections, tuple(unknown))


def _changes(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Change]:
    for name in sorted({*before, *now}):
        if before.get(name) != now.get(name):
            yield Change(name, before.get(name), now.get(name))


def _facts(lineage: Lineage) -> dict[str, dict[str, str]]:
    """What each section holds: name to value, several values joined in order."""
    found: dict[str, dict[str, set[str]]] = {section: {} for section in SECTIONS}

    def note(section: str, name: object, value: object) -> None:
        found[section].setdefault(str(name), set()).add(str(value))

    for content in own_models(lineage):
        for item, made in lineage.provenances(content):
            if made.build_type == BUILD_TYPE_REGISTRATION:
                continue
            _of_run(made, note)
            for each in lineage.inputs[content]:
                if each.via == item and each.content is not None:
                    note("data", each.name, each.content)
    for item in lineage.root.of_type(ml_bom.PREDICATE_TYPE):
        _of_bom(item.statement.predicate, note)
    listing = lineage.listings.get(lineage.subject)
    for name, digest in listing if listing is not None else ():
        note("files", name, digest)
    return {
        section: {name: ", ".join(sorted(values)) for name, values in rows.items()} for section, rows in found.items()
    }


def _of_run(made: Provenance, note: Any) -> None:
    for each in made.inputs:
        if "gitCommit" in each.digest:
            dirty = " (with local changes)" if each.annotations.get("dirty") is True else ""
            note("code", each.uri or each.name or "commit", f"{each.digest['gitCommit']}{dirty}")
        elif each.uri is not None and each.uri.startswith("pkg:"):
            name, at, version = each.uri.rpartition("@")
            note("libraries", name if at else each.uri, version if at else "")
    for each in made.byproducts:
        if each.name == "metrics":
            for name, value in each.annotations.items():
                if is_number(value):
                    note("metrics", name, f"{value:g}")
    parameters = made.external_parameters.get("parameters")
    for name, value in parameters.items() if isinstance(parameters, Mapping) else ():
        note("parameters", name, value)


def _of_bom(bom: Mapping[str, Any], note: Any) -> None:
    for each in libraries(bom):
        note("libraries", each.get("name"), each.get("version") or "no version")
    models = [each for each in components(bom) if each.get("type") == MODEL_TYPE]
    for each in (*models, *datasets(bom), *libraries(bom)):
        stated = licences(each)
        if stated:
            title = "the model" if each.get("type") == MODEL_TYPE else name_of(each).partition(" ")[0]
            note("licences", title, " AND ".join(stated))
