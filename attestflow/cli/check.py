"""`attestflow check`: would the gate let these bytes pass?"""

from __future__ import annotations

from pathlib import Path

import click

from attestflow.cli.options import common, load_settings, selection
from attestflow.cli.verdict_report import report_option


@click.command(name="check")
@click.argument("target")
@selection
@click.option("--policy", "policy_name", default="production", show_default=True, metavar="NAME|FILE")
@click.option("--for", "model", metavar="models:/NAME", help="The registered model that the bytes are to become.")
@click.option("--to", metavar="ALIAS|stage:STAGE", help="`production` is the alias, `stage:Production` the stage.")
@click.option("--current", metavar="DIGEST|none", help="What is in production now; asked of the registry otherwise.")
@report_option
@common
def command(
    target: str,
    include: tuple[str, ...],
    policy_name: str,
    model: str | None,
    to: str | None,
    current: str | None,
    reports: tuple[Path, ...],
    config: str | None,
    store: str | None,
    as_json: bool,
) -> None:
    """Evaluate a policy over the verified lineage of TARGET; exit 10 when it denies.

    Without --for and --to, rules about approvals deny. The verdict is signed when the settings name a verifier's key.
    """
    from attestflow.cli import EXIT_BLOCKED
    from attestflow.cli.output import print_json
    from attestflow.cli.target import resolve_target
    from attestflow.cli.transition import production_now, transition_of
    from attestflow.cli.verdict import tell_verdict
    from attestflow.cli.verdict_report import write_reports

    settings = load_settings(config, store)
    transition = transition_of(settings, model, to)
    gate = settings.gate(policy_name)
    about = resolve_target(target, include=include, quiet=as_json)
    verdict = gate.check(
        about.content, name=about.name, transition=transition, production=production_now(transition, current)
    )
    write_reports(reports, verdict, gate)
    if as_json:
        print_json({**verdict.to_json(), "bytesRead": about.measured is not None})
    else:
        tell_verdict(verdict, read=about.measured is not None)
    if not verdict.passed:
        raise click.exceptions.Exit(EXIT_BLOCKED)
