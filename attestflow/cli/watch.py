"""`attestflow watch`: does what is in production still pass?"""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from attestflow.cli.options import common, load_settings

if TYPE_CHECKING:
    from attestflow.decisions import Decision
    from attestflow.gate import Gate
    from attestflow.policy.schema import Policy
    from attestflow.settings import Settings
    from attestflow.watch import Watched

STYLES = {"ok": "green", "will-fail": "yellow", "unguarded": "yellow"}


@click.command(name="watch")
@click.option("--once", is_flag=True, help="Look once and exit: 10 when something would no longer pass.")
@click.option("--interval", default="5m", show_default=True, metavar="TIME", help="How often to look.")
@click.option("--ahead", default="7d", show_default=True, metavar="TIME", help="Say, too, what will not pass by then.")
@click.option(
    "--report", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.sarif", help="Write what was found."
)
@common
def command(
    once: bool, interval: str, ahead: str, report: Path | None, config: str | None, store: str | None, as_json: bool
) -> None:
    """Evaluate everything that gates let into production again: policies, reports, revocations and the clock change.

    \b
    What is in production is told from the gates' own signed records; `attestflow audit`
    compares those with a registry. Alerts go out for what newly fails.
    Exit 10 when something would no longer pass, 1 when something could not be looked at.
    """
    from attestflow.cli import EXIT_BLOCKED, EXIT_ERROR
    from attestflow.policy.durations import parse_duration
    from attestflow.watch import BAD

    every, look_ahead = parse_duration(interval, "--interval"), parse_duration(ahead, "--ahead")
    if report is not None and report.suffix != ".sarif":
        raise click.UsageError("--report takes a file that ends in .sarif")
    settings = load_settings(config, store)
    known: dict[tuple[str, ...], str] = {}
    while True:
        rows = look(settings, look_ahead, quiet=as_json)
        _tell(rows, as_json=as_json)
        if report is not None:
            _write(rows, report)
        alert(settings, rows, known)
        if once:
            break
        time.sleep(every.total_seconds())
    states = {row.state for row in rows}
    if states & (BAD - {"unreadable"}):
        raise click.exceptions.Exit(EXIT_BLOCKED)
    if "unreadable" in states:
        raise click.exceptions.Exit(EXIT_ERROR)


def production(settings: Settings, *, quiet: bool) -> tuple[Gate, tuple[Policy, ...], list[Decision]]:
    """A gate that lends store, verifier and clock; the policies; the last decisions about each alias and stage."""
    from attestflow.errors import ConfigurationError
    from attestflow.impact.index import Index
    from attestflow.verdict import Transition
    from attestflow.watch import in_production

    if not settings.policies:
        raise ConfigurationError("the settings name no policy, so nothing says what must hold")
    policies = tuple(settings.policy(name) for name in settings.policies)
    gate = settings.gate(next(iter(settings.policies)), sign=False)
    index = Index.of_account(settings.account.directory, gate.store)
    try:
        index.update(settings.clock())
        transitions = [Transition(*names) for names in index.every_transition()]
    finally:
        index.close()
    return gate, policies, list(in_production(transitions, gate))


def look(settings: Settings, ahead: timedelta, *, quiet: bool) -> list[Watched]:
    """Everything in production, evaluated now and `ahead` from now."""
    from attestflow.watch import watched

    gate, policies, decisions = production(settings, quiet=quiet)
    return [watched(decision, policies, gate, ahead=ahead) for decision in decisions]


def alert(settings: Settings, rows: list[Watched], known: dict[tuple[str, ...], str]) -> None:
    """Send an alert for each row that is worse than when it was looked at last."""
    for row in rows:
        key = (row.transition.registry, row.transition.model, row.transition.to, row.policy)
        before, known[key] = known.get(key), row.state
        if row.findings and before != row.state:
            settings.alerts().watched(row)
    settings.alerts().flush()


def _tell(rows: list[Watched], *, as_json: bool) -> None:
    from attestflow.cli.output import line, print_json

    if as_json:
        print_json({"watched": [_document(row) for row in rows]})
        return
    for row in rows:
        about = row.transition
        title = f"models:/{about.model} {about.to} in {about.registry}, policy {row.policy}"
        line(f"{row.state.upper():10}  {title}", style=STYLES.get(row.state, "red"))
        for finding in row.findings:
            line(f"            {finding.rule}: {finding.message}")
            if finding.hint:
                line(f"              hint: {finding.hint}")
        if row.problem and not row.findings:
            line(f"            {row.problem}")
    good = sum(row.state == "ok" for row in rows)
    line(f"{len(rows)} in production by record, {good} would pass again")


def _write(rows: list[Watched], path: Path) -> None:
    import json

    from attestflow.rendering.sarif import sarif
    from attestflow.settings.files import write_whole

    verdicts = [row.verdict for row in rows if row.verdict is not None]
    write_whole(path, json.dumps(sarif(verdicts), indent=1).encode())


def _document(row: Watched) -> dict[str, Any]:
    return {
        **row.transition.to_json(),
        "policy": row.policy,
        "state": row.state,
        "digest": str(row.decision.subject),
        "decision": row.decision.identity,
        "findings": [finding.to_json() for finding in row.findings],
        "problem": row.problem,
    }
