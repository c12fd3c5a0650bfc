"""What one stored bundle says that an index needs: who made what of what, with which packages, signed by which key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from attestflow.bundle import Bundle
from attestflow.digest import ContentDigest
from attestflow.errors import AttestflowError
from attestflow.predicates import contents, ml_bom, provenance, reference, vsa
from attestflow.statement import Statement

MAX_PACKAGES = 20_000


@dataclass(frozen=True, slots=True)
class Facts:
    """`inputs` went into the outputs; `packages` are package URLs; `name` and `kind` are for people; `transition` is a
    decision's registry, model and alias or stage. Nothing of it is verified.
    """

    outputs: tuple[ContentDigest, ...]
    inputs: tuple[ContentDigest, ...] = ()
    packages: tuple[str, ...] = ()
    key_hint: str = ""
    name: str | None = None
    kind: str | None = None
    transition: tuple[str, str, str] | None = None


def facts_of(raw: bytes) -> Facts | None:
    """The facts of a bundle's bytes; None for bytes that are none."""
    try:
        bundle = Bundle.parse(raw)
        statement = Statement.parse(bundle.envelope.payload)
        return facts_of_statement(statement, bundle.key_hint or "")
    except AttestflowError:
        return None


def facts_of_statement(statement: Statement, key_hint: str = "") -> Facts:
    """The facts of a statement. Raises MalformedStatement."""
    outputs, predicate = contents(statement), statement.predicate
    inputs: tuple[ContentDigest, ...] = ()
    packages: set[str] = set()
    kind = transition = None
    match statement.predicate_type:
        case provenance.PREDICATE_TYPE:
            dependencies = provenance.Provenance.parse(predicate).inputs
            inputs = tuple(found for each in dependencies if (found := _content(each)) is not None)
            packages = {each.uri for each in dependencies if each.uri is not None and each.uri.startswith("pkg:")}
        case ml_bom.PREDICATE_TYPE:
            packages = set(_purls(predicate))
        case reference.PREDICATE_TYPE:
            noted = statement.subjects[0].annotations.get("kind")
            kind = noted if isinstance(noted, str) else None
        case vsa.PREDICATE_TYPE:
            transition = _transition(predicate)
        case _:
            pass
    return Facts(
        outputs, inputs, tuple(sorted(packages)[:MAX_PACKAGES]), key_hint, statement.subjects[0].name, kind, transition
    )


def _content(descriptor: Any) -> ContentDigest | None:
    try:
        found: ContentDigest | None = descriptor.content()
    except AttestflowError:
        return None
    return found


def _purls(bom: Mapping[str, Any]) -> Iterator[str]:
    pending: list[Any] = list(bom.get("components") or ())
    while pending:
        component = pending.pop()
        if isinstance(component, Mapping):
            if isinstance(component.get("purl"), str):
                yield component["purl"]
            nested = component.get("components")
            pending += nested if isinstance(nested, list) else []


def _transition(predicate: Mapping[str, Any]) -> tuple[str, str, str] | None:
    asked = vsa.Vsa.parse(predicate).extension.get("transition")
    names = [asked.get(key) for key in ("registry", "model", "to")] if isinstance(asked, Mapping) else []
    if len(names) != 3 or not all(isinstance(name, str) and name for name in names):
        return None
    return str(names[0]), str(names[1]), str(names[2])
