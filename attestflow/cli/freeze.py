"""`attestflow freeze`: have the server freeze a version's files ahead of its promotion, or release them."""

from __future__ import annotations

import sys

import click

from attestflow.cli.options import common, load_settings


@click.command(name="freeze")
@click.argument("target", metavar="models:/NAME/VERSION")
@click.option(
    "--release", "releases", is_flag=True, help="Release the files, unless they hold a guarded alias or stage."
)
@click.option("--workspace", metavar="NAME", help="The workspace of the model. [MLFLOW_WORKSPACE]")
@common
def command(
    target: str, releases: bool, workspace: str | None, config: str | None, store: str | None, as_json: bool
) -> None:
    """Freeze a version's files on the server that MLFLOW_TRACKING_URI names, and have it digest them.

    A big model is promoted at once then. Frozen files can be read, and neither changed nor deleted.
    """
    from attestflow.cli import EXIT_BLOCKED
    from attestflow.cli.output import line, print_json
    from attestflow.integrations.mlflow.records.guarded import parse_target
    from attestflow.integrations.mlflow.records.promote import Refused, freeze, release
    from attestflow.integrations.mlflow.records.registry_view import RegistryView

    load_settings(config, store)  # what is wrong with them is said before the server is asked
    model, version = parse_target(target)
    if not version.isdecimal():
        raise click.UsageError("freeze takes one version: models:/NAME/VERSION")
    view = RegistryView.of(None, None, workspace)
    try:
        if releases:
            release(view, model, version)
            document: dict[str, str] = {"target": target, "result": "released"}
            text = f"released {target}"
        else:
            content, since = freeze(view, model, version, waiting=_waiting)
            document = {"target": target, "result": "frozen", "digest": str(content), "since": since}
            text = f"{target} is frozen since {since}: {content}"
    except Refused as refused:
        if as_json:
            print_json({"target": target, "result": "denied", "verdicts": [dict(refused.verdict)]})
        else:
            line(refused.message, style="red")
        raise click.exceptions.Exit(EXIT_BLOCKED) from None
    if as_json:
        print_json(document)
    else:
        line(text, style="green")


def _waiting(said: str) -> None:
    """What the server is at, on a terminal."""
    from attestflow.cli.output import clean

    if sys.stderr.isatty():
        click.echo(f"\r{clean(said)[:100]}", nl=False, err=True)
