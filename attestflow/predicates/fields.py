"""Reading the fields of a predicate: each function gives a checked value or raises MalformedStatement with the place.

`where` is the place of the object that holds the field, like `predicate.runDetails`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attestflow.digest import is_hex_digest
from attestflow.documents import shown
from attestflow.errors import MalformedStatement
from attestflow.subject import ResourceDescriptor

MAX_ITEMS = 1_000_000


def mapping(holder: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    """The object in a required field."""
    return as_mapping(_required(holder, name, where), f"{where}.{name}")


def optional_mapping(holder: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    """The object in a field, empty when the field is missing."""
    return mapping(holder, name, where) if name in holder else {}


def as_mapping(value: object, where: str) -> Mapping[str, Any]:
    """`value` if it is an object."""
    if not isinstance(value, Mapping):
        raise MalformedStatement(f"{where}: not an object")
    return value


def text(holder: Mapping[str, Any], name: str, where: str) -> str:
    """The text in a required field; it is not empty."""
    value = _required(holder, name, where)
    if not isinstance(value, str) or not value:
        raise MalformedStatement(f"{where}.{name}: no text")
    return value


def optional_text(holder: Mapping[str, Any], name: str, where: str) -> str | None:
    """The text in a field; None when the field is missing, null or empty."""
    if holder.get(name) in (None, ""):
        return None
    return text(holder, name, where)


def choice(holder: Mapping[str, Any], name: str, where: str, allowed: tuple[str, ...]) -> str:
    """The text in a required field, which is one of `allowed`."""
    value = text(holder, name, where)
    if value not in allowed:
        raise MalformedStatement(f"{where}.{name}: {shown(value, 40)} is none of {', '.join(allowed)}")
    return value


def hex_digest(holder: Mapping[str, Any], name: str, where: str) -> str:
    """The SHA-256 in a required field: 64 lower-case hex digits."""
    value = _required(holder, name, where)
    if not isinstance(value, str) or not is_hex_digest(value):
        raise MalformedStatement(f"{where}.{name}: {shown(value, 80)} is no lower-case hex SHA-256")
    return value


def items(holder: Mapping[str, Any], name: str, where: str) -> list[Any]:
    """The list in a required field, at most a million items."""
    value = _required(holder, name, where)
    if not isinstance(value, list) or len(value) > MAX_ITEMS:
        raise MalformedStatement(f"{where}.{name}: no list of at most {MAX_ITEMS}")
    return value


def optional_items(holder: Mapping[str, Any], name: str, where: str) -> list[Any]:
    """The list in a field, empty when the field is missing or null."""
    return [] if holder.get(name) is None else items(holder, name, where)


def texts(holder: Mapping[str, Any], name: str, where: str) -> tuple[str, ...]:
    """The texts in an optional list."""
    found = optional_items(holder, name, where)
    if not all(isinstance(entry, str) and entry for entry in found):
        raise MalformedStatement(f"{where}.{name}: an entry is no text")
    return tuple(found)


def descriptors(holder: Mapping[str, Any], name: str, where: str) -> tuple[ResourceDescriptor, ...]:
    """The resource descriptors in an optional list."""
    found = optional_items(holder, name, where)
    return tuple(ResourceDescriptor.from_json(entry, f"{where}.{name}[{index}]") for index, entry in enumerate(found))


def no_others(holder: Mapping[str, Any], allowed: frozenset[str], where: str) -> None:
    """Refuse fields that are not in `allowed`: for predicate types of our own, where an unknown field is a mistake."""
    unknown = sorted(holder.keys() - allowed)
    if unknown:
        raise MalformedStatement(f"{where}: unknown field {', '.join(shown(name, 40) for name in unknown[:5])}")


def without_none(fields: Mapping[str, Any]) -> dict[str, Any]:
    """`fields` without those that are None."""
    return {name: value for name, value in fields.items() if value is not None}


def _required(holder: Mapping[str, Any], name: str, where: str) -> Any:
    if name not in holder:
        raise MalformedStatement(f"{where}.{name}: missing")
    return holder[name]
