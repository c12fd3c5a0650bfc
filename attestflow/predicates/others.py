"""Predicate types of others, from the entry-point group `attestflow.predicates`: a module with PREDICATE_TYPE and `parse`.

What a functionary signs under such a type and that breaks its format is rejected where it is found, as ours is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from attestflow.documents import shown
from attestflow.errors import ConfigurationError, MalformedStatement
from attestflow.statement import check_type_uri

ENTRY_POINTS = "attestflow.predicates"
Parse = Callable[[Mapping[str, Any], str], object]


def parser_of(predicate_type: str) -> Parse | None:
    """What reads predicates of that type strictly; None where no package brings it.

    Whatever it raises is a MalformedStatement. Raises ConfigurationError where such a package does not load, or two bring one
    type: which of them is right, nobody can say.
    """
    parse = _loaded().get(predicate_type)
    if parse is None:
        return None

    def checked(predicate: Mapping[str, Any], where: str) -> object:
        try:
            return parse(predicate, where)
        except MalformedStatement:
            raise
        except Exception as exc:  # somebody else's code: what it cannot read is not well formed
            raise MalformedStatement(f"{where}: {type(exc).__name__}") from None

    return checked


@cache
def _loaded() -> dict[str, Parse]:
    found: dict[str, Parse] = {}
    for point in entry_points(group=ENTRY_POINTS):
        try:
            module = point.load()
            named = check_type_uri(module.PREDICATE_TYPE, f"the predicate {shown(point.name)}")
            parse: Parse = module.parse
        except Exception as exc:
            raise ConfigurationError(f"the predicate {shown(point.name)} does not load: {exc}") from None
        if named in found:
            raise ConfigurationError(f"two packages bring the predicate type {shown(named)}", hint="remove one")
        found[named] = parse
    return found
