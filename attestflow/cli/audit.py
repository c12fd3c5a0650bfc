"""`attestflow audit`: is production what the gate decided?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from attestflow.cli.options import common, load_settings
from attestflow.cli.registry_options import registry_options

if TYPE_CHECKING:
    from attestflow.integrations.mlflow.records.audit import Row

STYLES = {"ok": "green", "warned": "yellow"}


@click.command(name="audit")
@registry_options
@common
def command(
    registry_uri: str | None,
    tracking_uri: str | None,
    workspace: str | None,
    pattern: str,
    config: str | None,
    store: str | None,
    as_json: bool,
) -> None:
    """Compare guarded aliases and stages of a registry with the gate's records and the files as they are now.

    \b
    REGISTRY-URI is a server (http://…), or the registry's database with
    --tracking-uri for the files; MLFLOW_REGISTRY_URI or MLFLOW_TRACKING_URI otherwise.
    Exit 10 when something is not as recorded, 1 when not everything could be looked at.
    """
    from attestflow.cli import EXIT_BLOCKED, EXIT_ERROR
    from attestflow.cli.output import print_json, progress
    from attestflow.integrations.mlflow.records.audit import GOOD, audit
    from attestflow.integrations.mlflow.records.registry_view import RegistryView

    settings = load_settings(config, store)
    view = RegistryView.of(registry_uri, tracking_uri, workspace)
    rows, counts = [], dict.fromkeys(("good", "bad", "unreadable"), 0)
    for row in audit(view, settings, pattern, showing=partial(progress, quiet=as_json)):
        counts["good" if row.state in GOOD else "unreadable" if row.state == "unreadable" else "bad"] += 1
        if as_json:
            rows.append(_document(row))
        else:
            _tell(row)
    if as_json:
        print_json({"registry": view.uri, "found": rows, **counts})
    else:
        _sum_up(counts)
    if counts["bad"]:
        raise click.exceptions.Exit(EXIT_BLOCKED)
    if counts["unreadable"]:
        raise click.exceptions.Exit(EXIT_ERROR)


def _tell(row: Row) -> None:
    from attestflow.cli.answer import change_word
    from attestflow.cli.output import line

    line(
        f"{row.state.upper():10}  models:/{row.model} {row.to} is version {row.version}: {row.message}",
        style=STYLES.get(row.state, "red"),
    )
    for change in _changes(row):
        line(f"            {change_word(change)}  {change['file']}", style="yellow")


def _sum_up(counts: dict[str, int]) -> None:
    from attestflow.cli.output import line

    if not sum(counts.values()):
        line("no model holds an alias or stage that a policy guards", style="yellow")
        return
    line(
        f"{counts['good']} as recorded, {counts['bad']} not, {counts['unreadable']} could not be looked at",
        style="green" if counts["good"] == sum(counts.values()) else "red",
    )
    if counts["bad"]:
        line("hint: take the alias or stage away, or promote what is meant to be there through the gate")


def _changes(row: Row) -> list[dict[str, Any]]:
    from attestflow.cli.answer import changes
    from attestflow.lineage import Explanation

    return changes(Explanation(row.model, row.content, row.diff)) if row.content else []


def _document(row: Row) -> dict[str, Any]:
    from attestflow.clock import format_time

    decision = row.decision
    return {
        "model": row.model,
        "to": row.to,
        "version": row.version,
        "state": row.state,
        "message": row.message,
        "policy": row.policy,
        "digest": str(row.content) if row.content else None,
        "decision": None
        if decision is None
        else {"attestation": decision.identity, "time": format_time(decision.time), "actor": decision.actor},
        "changed": _changes(row),
    }
