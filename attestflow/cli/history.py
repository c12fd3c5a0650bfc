"""`attestflow history`: what happened to production."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from attestflow.cli.options import common, load_settings

if TYPE_CHECKING:
    from attestflow.digest import ContentDigest
    from attestflow.integrations.mlflow.records.history import Event
    from attestflow.verdict import Transition

STYLES = {"took effect": "green", "refused": "red"}


@click.command(name="history")
@click.argument("target", metavar="models:/NAME@ALIAS|models:/NAME/STAGE")
@click.option("--workspace", metavar="NAME", help="The workspace of the model. [MLFLOW_WORKSPACE]")
@common
def command(target: str, workspace: str | None, config: str | None, store: str | None, as_json: bool) -> None:
    """Print every decision about an alias or stage: who, when, under which policy, from and to which bytes.

    All of it from signed records; the registry of MLFLOW_TRACKING_URI is asked only what is there now.
    """
    from attestflow.cli.output import print_json
    from attestflow.integrations.mlflow.records.guarded import parse_target, transition_in
    from attestflow.integrations.mlflow.records.history import history

    settings = load_settings(config, store)
    model, to = parse_target(target)
    if to.isdecimal():
        raise click.UsageError("history is of an alias or a stage: models:/NAME@ALIAS or models:/NAME/STAGE")
    space = workspace or os.environ.get("MLFLOW_WORKSPACE") or None
    transition = transition_in(settings, space, model, to)
    now, looked, versions, note = _now(transition, space)
    events, rejected = history(transition, settings, now=now, looked=looked, versions=versions)
    if as_json:
        print_json(
            {
                "transition": transition.to_json(),
                "now": str(now) if now else None,
                "asked": looked,
                "decisions": [_document(event) for event in events],
                "rejected": [{"location": each.location, "reason": each.reason} for each in rejected],
            }
        )
        return
    _tell(events, rejected, transition, str(now) if now else "nothing" if looked else f"not known: {note}")


def _now(
    transition: Transition, workspace: str | None
) -> tuple[ContentDigest | None, bool, dict[ContentDigest, str], str | None]:
    """What is there now, whether the registry said so, which versions have which bytes by its tags, or why it is not known."""
    from attestflow.cli.output import progress
    from attestflow.errors import AttestflowError
    from attestflow.integrations.mlflow.records.history import tagged_versions
    from attestflow.integrations.mlflow.records.registry_view import RegistryView

    if not (os.environ.get("MLFLOW_REGISTRY_URI") or os.environ.get("MLFLOW_TRACKING_URI")):
        return None, False, {}, "set MLFLOW_TRACKING_URI to the server"
    try:
        view = RegistryView.of(None, None, workspace)
        with progress(f"Reading {transition.to} of {transition.model}"):
            now = view.content_of(transition.model, transition.to)
        return now, True, tagged_versions(view, transition.model), None
    except AttestflowError as exc:
        return None, False, {}, exc.message


def _tell(events: Any, rejected: Any, transition: Transition, now: str) -> None:
    from attestflow.cli.output import fields, line, short

    line(f"{transition.to} of models:/{transition.model} in {transition.registry}")
    if not events:
        line("  no gate ever decided about it", style="yellow")
    for event in events:
        document = _document(event)
        line(
            f"{document['time']}  {document['result'].upper():6}  {event.effect}"
            f"{'' if event.decision.enforced else ', the policy only warned'}",
            style=STYLES.get(event.effect, "yellow"),
        )
        fields(
            {
                "from": short(document["from"]) if document["from"] else "nothing",
                "to": short(document["digest"]) + (f", version {event.version} now" if event.version else ""),
                "asked by": event.decision.actor or "nobody that the gate knows",
                "approved by": ", ".join(event.approvers) or None,
                "policy": f"{event.decision.policy} sha256:{event.decision.policy_sha256[:12]}…",
                "because": "; ".join(document["denied"]) or None,
                "BY EXCEPTION": "; ".join(document["waived"]) or None,
                "attestation": event.decision.identity,
            }
        )
    for each in rejected:
        line(f"  does not count  {each.location}: {each.reason}", style="yellow")
    line(f"now  {now}")


def _document(event: Event) -> dict[str, Any]:
    from attestflow.clock import format_time

    decision = event.decision
    return {
        "attestation": decision.identity,
        "signedBy": decision.functionary,
        "time": format_time(decision.time),
        "expires": format_time(decision.expires),
        "result": "passed" if decision.passed else "denied",
        "enforced": decision.enforced,
        "effect": event.effect,
        "actor": decision.actor,
        "approvedBy": list(event.approvers),
        "policy": {"name": decision.policy, "sha256": decision.policy_sha256},
        "from": str(decision.production) if decision.production else None,
        "digest": str(decision.subject),
        "version": event.version,
        "denied": [f"{each.get('rule')}: {each.get('message')}" for each in decision.denials],
        "waived": list(decision.waived),
    }
