"""A version's row as a decision saw it, and whether it is still the same when MLflow writes."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from attestflow.names import fold


@dataclass(frozen=True, slots=True)
class Row:
    """A version as the database has it. `created` (ms) tells a version from one that took its name and number.

    `held` are the versions that have what is asked for, the newest first: the very alias, else its look-alikes; for a
    stage the newest in it. `exact` says that this version has it already, by the very name.
    """

    name: str
    version: int
    created: int
    location: str
    held: tuple[int, ...]
    exact: bool

    @classmethod
    def of(cls, row: Any, to: str) -> Row:
        """From MLflow's SqlModelVersion, inside its session; `to` is `alias:<name>` or `stage:<canonical name>`."""
        kind, _, wanted = to.partition(":")
        model = row.registered_model
        if kind == "alias":
            aliases = {each.alias: int(each.version) for each in model.registered_model_aliases}
            held, exact = holders(aliases, wanted), aliases.get(wanted) == row.version
        else:
            versions = [int(each.version) for each in model.model_versions if each.current_stage == wanted]
            held, exact = tuple(sorted(versions, reverse=True)[:1]), row.current_stage == wanted
        location = row.storage_location or row.source or ""
        return cls(row.name, int(row.version), int(row.creation_time or 0), location, held, exact)


def holders(aliases: dict[str, int], wanted: str) -> tuple[int, ...]:
    """The versions that an alias names, the newest first; where it does not exist, those that its look-alikes name."""
    if wanted in aliases:
        return (aliases[wanted],)
    return tuple(sorted({version for alias, version in aliases.items() if fold(alias) == fold(wanted)}, reverse=True))


@dataclass(frozen=True, slots=True)
class Deciding:
    """What is being decided about; `archives` where MLflow empties the stage before it looks the version up.

    `decide` is called with MLflow's session, in the transaction that writes, when the row in it is still the same.
    """

    to: str
    row: Row
    archives: bool
    decide: Callable[[Any], None]

    def still_holds(self, row: Any) -> bool:
        """Whether the row in MLflow's writing session is the one that the decision was about."""
        now = Row.of(row, self.to)
        if self.archives:
            now = Row(now.name, now.version, now.created, now.location, self.row.held, now.exact)
        return now == self.row


DECIDING: ContextVar[Deciding | None] = ContextVar("attestflow_mlflow_deciding", default=None)
