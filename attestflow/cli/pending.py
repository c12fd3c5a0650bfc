"""`attestflow pending`: what waits for me?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from attestflow.cli.options import common, load_settings
from attestflow.cli.registry_options import registry_options

if TYPE_CHECKING:
    from attestflow.integrations.mlflow.records.pending import Pending

WORDS = {
    "yours": ("WAITS FOR YOU", "yellow"),
    "others": ("waits for others", None),
    "ready": ("ready", "green"),
    "blocked": ("not ready", "red"),
    "unknown": ("not known", "red"),
}


@click.command(name="pending")
@registry_options
@click.option("--role", default="owner", show_default=True, help="Whose key you hold.")
@click.option("--all", "everything", is_flag=True, help="Also what is ready, not ready, or waits for others.")
@common
def command(
    registry_uri: str | None,
    tracking_uri: str | None,
    workspace: str | None,
    pattern: str,
    role: str,
    everything: bool,
    config: str | None,
    store: str | None,
    as_json: bool,
) -> None:
    """List the newest versions that lack nothing but your approval for an alias or stage that a policy guards.

    REGISTRY-URI is a server; MLFLOW_REGISTRY_URI or MLFLOW_TRACKING_URI otherwise. Nothing is recorded.
    """
    from attestflow.cli.output import print_json
    from attestflow.integrations.mlflow.records.pending import document, pending
    from attestflow.integrations.mlflow.records.registry_view import RegistryView

    settings = load_settings(config, store)
    view = RegistryView.of(registry_uri, tracking_uri, workspace)
    functionary = settings.functionary(role)
    rows = [row for row in pending(view, settings, functionary, pattern) if everything or row.state == "yours"]
    if as_json:
        print_json({"registry": view.uri, "by": functionary, "pending": [document(row) for row in rows]})
        return
    for row in rows:
        _tell(row)
    if not rows:
        from attestflow.cli.output import line

        line(f"nothing waits for {functionary}{'' if everything else ' (--all shows what waits for others)'}")


def _tell(row: Pending) -> None:
    from attestflow.cli.output import line

    word, style = WORDS[row.state]
    line(f"{word}  models:/{row.model}/{row.version} to {row.to} (policy {row.policy})", style=style)
    if row.problem:
        line(f"    {row.problem}")
    for finding in row.verdict.denials if row.verdict and row.state in ("blocked", "others") else ():
        line(f"    {finding.rule}: {finding.message}")
    if row.state == "yours":
        to = row.to.removeprefix("alias:")
        line(f"    attestflow approve models:/{row.model}/{row.version} --for models:/{row.model} --to {to}")
