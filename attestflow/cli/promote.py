"""`attestflow promote`: ask the server for a promotion, and show what its gate says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from attestflow.cli.options import common, load_settings

if TYPE_CHECKING:
    from attestflow.decisions import Decision
    from attestflow.integrations.mlflow.records.promote import Promoted
    from attestflow.integrations.mlflow.records.registry_view import RegistryView
    from attestflow.settings import Settings


@click.command(name="promote")
@click.argument("target", metavar="models:/NAME/VERSION")
@click.option("--to", required=True, metavar="ALIAS|stage:STAGE")
@click.option("--dry-run", is_flag=True, help="Evaluate the policies here; ask the server for nothing.")
@click.option("--workspace", metavar="NAME", help="The workspace of the model. [MLFLOW_WORKSPACE]")
@common
def command(
    target: str,
    to: str,
    dry_run: bool,
    workspace: str | None,
    config: str | None,
    store: str | None,
    as_json: bool,
) -> None:
    """Give an alias or stage to a version, through the gate of the server that MLFLOW_TRACKING_URI names.

    Exit 10 when the gate refuses, with its findings. Once it is there, to ask again changes nothing.
    """
    from attestflow.cli import EXIT_BLOCKED, EXIT_ERROR
    from attestflow.integrations.mlflow.records.guarded import parse_target
    from attestflow.integrations.mlflow.records.promote import Refused, promote
    from attestflow.integrations.mlflow.records.registry_view import RegistryView
    from attestflow.verdict import Transition

    settings = load_settings(config, store)
    model, version = parse_target(target)
    if not version.isdecimal():
        raise click.UsageError("promote takes one version: models:/NAME/VERSION")
    to = Transition.parse(settings.registry, model, to).to
    view = RegistryView.of(None, None, workspace)
    if dry_run:
        raise click.exceptions.Exit(
            0 if _foresee(view, settings, model, version, to, as_json=as_json) else EXIT_BLOCKED
        )
    try:
        made = promote(view, settings, model, version, to)
    except Refused as refused:
        _tell_refused(refused, target, to, as_json=as_json)
        raise click.exceptions.Exit(EXIT_BLOCKED) from None
    _tell(made, target, to, as_json=as_json)
    if made.unrecorded:
        raise click.exceptions.Exit(EXIT_ERROR)


def _foresee(view: RegistryView, settings: Settings, model: str, version: str, to: str, *, as_json: bool) -> bool:
    from attestflow.cli.output import line, print_json
    from attestflow.cli.verdict import tell_verdict
    from attestflow.integrations.mlflow.records.promote import foresee

    verdicts = foresee(view, settings, model, version, to)
    allowed = all(verdict.allowed for verdict in verdicts)
    if as_json:
        result = "would pass" if allowed else "would be denied"
        print_json({"dryRun": True, "result": result, "verdicts": [verdict.to_json() for verdict in verdicts]})
        return allowed
    if not verdicts:
        line(f"no policy of these settings guards {to} of models:/{model}", style="yellow")
    for verdict in verdicts:
        tell_verdict(verdict, preview=True)
    line("nothing was changed", style="yellow")
    return allowed


def _tell_refused(refused: Any, target: str, to: str, *, as_json: bool) -> None:
    from attestflow.cli.output import line, print_json

    if as_json:
        print_json({"result": "denied", "target": target, "to": to, "verdicts": [dict(refused.verdict)]})
        return
    line(f"DENIED  {target} to {to}", style="red")
    findings = refused.verdict.get("findings")
    for finding in findings if isinstance(findings, list) else ():
        if isinstance(finding, Mapping) and finding.get("outcome") == "denied":
            line(f"  DENY  {finding.get('rule')}: {finding.get('message')}", style="red")
            if finding.get("hint"):
                line(f"        hint: {finding['hint']}")


def _tell(made: Promoted, target: str, to: str, *, as_json: bool) -> None:
    from attestflow.cli.output import line, print_json

    if as_json:
        print_json(
            {
                "result": "already there" if made.already else "promoted",
                "target": target,
                "to": to,
                "digest": str(made.content) if made.content else None,
                "guardedBy": list(made.guarded_by),
                "unrecorded": list(made.unrecorded),
                "verdicts": [_document(each) for each in made.decisions],
            }
        )
        return
    line(f"{target} {'has' if made.already else 'now has'} {to}", style="red" if made.unrecorded else "green")
    for each in made.decisions:
        document = _document(each)
        warned = "" if each.passed else f", and {each.policy} only warned: {'; '.join(document['denied'])}"
        line(f"  {document['result']} by policy {each.policy} at {document['time']}{warned}")
        for waived in each.waived:
            line(f"  BY EXCEPTION: {waived}", style="yellow")
        line(f"  attestation {each.identity}")
    if not made.guarded_by:
        line("  no policy of these settings guards it: NO VERDICT was recorded", style="yellow")
    for name in made.unrecorded:
        line(f"  NO VERDICT of policy {name} stands for it: this server has no gate, or not this one", style="red")
    if made.unrecorded:
        line("hint: take it away again, and start the server with --registry-store-uri attestflow:<db-uri>")


def _document(decision: Decision) -> dict[str, Any]:
    from attestflow.clock import format_time

    return {
        "attestation": decision.identity,
        "result": "passed" if decision.passed else "denied",
        "enforced": decision.enforced,
        "policy": decision.policy,
        "time": format_time(decision.time),
        "expires": format_time(decision.expires),
        "actor": decision.actor,
        "denied": [f"{each.get('rule')}: {each.get('message')}" for each in decision.denials],
        "waived": list(decision.waived),
    }
