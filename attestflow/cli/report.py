"""`attestflow report`: what the evidence about a model shows of a framework."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from attestflow.cli.options import common, load_settings, selection

if TYPE_CHECKING:
    from attestflow.compliance.coverage import Covered
    from attestflow.compliance.framework import Framework
    from attestflow.settings import Settings
    from attestflow.verdict import Verdict

MARKS = {
    "shown": "green",
    "partly": "yellow",
    "not shown": "red",
    "not asked": "bright_black",
    "outside": "bright_black",
}


@click.command(name="report")
@click.argument("target", required=False)
@selection
@click.option("--framework", "name", required=True, metavar="NAME", help="atlas, nist-ai-rmf, eu-ai-act or g7-sbom-ai.")
@click.option("--all", "everything", is_flag=True, help="Everything that gates let into production, by their records.")
@click.option("--policy", "policy_name", default="production", show_default=True, metavar="NAME|FILE")
@click.option("--for", "model", metavar="models:/NAME", help="The registered model that the bytes are to become.")
@click.option("--to", metavar="ALIAS|stage:STAGE")
@click.option("--current", metavar="DIGEST|none", help="What is in production now; asked of the registry otherwise.")
@common
def command(
    target: str | None,
    include: tuple[str, ...],
    name: str,
    everything: bool,
    policy_name: str,
    model: str | None,
    to: str | None,
    current: str | None,
    config: str | None,
    store: str | None,
    as_json: bool,
) -> None:
    """Say, row by row of a framework, what the verified evidence about TARGET shows, and what nobody asked for.

    It reports what rules found and what the ML-BOM holds. It is no certificate of anything.
    """
    from attestflow.cli.output import print_json
    from attestflow.compliance.framework import framework

    if (target is None) is not everything:
        raise click.UsageError("give a TARGET, or --all")
    found, settings = framework(name), load_settings(config, store)
    if everything:
        rows = list(_everything(settings, found, quiet=as_json))
    else:
        rows = [_one(settings, found, str(target), include, policy_name, (model, to, current), quiet=as_json)]
    if as_json:
        head = {"framework": found.id, "version": found.version}
        print_json({**head, "reports": [_document(verdict, covered) for verdict, covered in rows]})
        return
    for verdict, covered in rows:
        _tell(found, verdict, covered)


def _one(
    settings: Settings,
    found: Framework,
    target: str,
    include: tuple[str, ...],
    policy_name: str,
    promotion: tuple[str | None, str | None, str | None],
    *,
    quiet: bool,
) -> tuple[Verdict, tuple[Covered, ...]]:
    from attestflow.cli.target import resolve_target
    from attestflow.cli.transition import production_now, transition_of
    from attestflow.compliance.coverage import coverage
    from attestflow.lineage import gather

    model, to, current = promotion
    transition = transition_of(settings, model, to)
    gate = settings.gate(policy_name, sign=False)
    about = resolve_target(target, include=include, quiet=quiet)
    production = production_now(transition, current)
    verdict = gate.check(about.content, name=about.name, transition=transition, production=production)
    return verdict, coverage(found, verdict, gather(about.content, gate.store, gate.verifier))


def _everything(settings: Settings, found: Framework, *, quiet: bool) -> Iterator[tuple[Verdict, tuple[Covered, ...]]]:
    from attestflow.cli.watch import production
    from attestflow.compliance.coverage import coverage
    from attestflow.lineage import gather
    from attestflow.watch import watched

    gate, policies, decisions = production(settings, quiet=quiet)
    for decision in decisions:
        verdict = watched(decision, policies, gate, ahead=timedelta(0)).verdict
        if verdict is not None:
            yield verdict, coverage(found, verdict, gather(decision.subject, gate.store, gate.verifier))


def _tell(found: Framework, verdict: Verdict, covered: tuple[Covered, ...]) -> None:
    from attestflow.cli.output import line

    to = f" as {verdict.transition.to} of models:/{verdict.transition.model}" if verdict.transition else ""
    line(f"{found.title} {found.version}: {verdict.subject_name}{to}, policy {verdict.policy_name}")
    width = max(len(each.row.id) for each in covered)
    for each in covered:
        line(f"  {each.state.ljust(9)}  {each.row.id.ljust(width)}  {each.row.title}", style=MARKS[each.state])
        parts = [f"{rule} {outcome}" for rule, outcome in each.rules.items()]
        parts += [f"{element} {'there' if there else 'MISSING'}" for element, there in each.elements.items()]
        if parts:
            line(f"  {' ' * 9}  {' ' * width}    {', '.join(parts)}", style="bright_black")
    counts = {state: sum(each.state == state for each in covered) for state in MARKS}
    line("  " + ", ".join(f"{count} {state}" for state, count in counts.items()))


def _document(verdict: Verdict, covered: tuple[Covered, ...]) -> dict[str, Any]:
    return {
        "subject": str(verdict.subject),
        "name": verdict.subject_name,
        "transition": verdict.transition.to_json() if verdict.transition else None,
        "policy": {"name": verdict.policy_name, "sha256": verdict.policy_sha256},
        "rows": [each.to_json() for each in covered],
    }
