"""`attestflow diff`: how a model differs from the one in production."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from attestflow.cli.options import common, load_settings, selection

if TYPE_CHECKING:
    from attestflow.differences import Differences

SHOWN = 10


@click.command(name="diff")
@click.argument("target")
@selection
@click.option("--against", metavar="TARGET", help="What to compare with; what is in production otherwise.")
@click.option("--for", "model", metavar="models:/NAME", help="The registered model whose production is meant.")
@click.option("--to", metavar="ALIAS|stage:STAGE")
@click.option("--current", metavar="DIGEST|none", help="What is in production now; asked of the registry otherwise.")
@common
def command(
    target: str,
    include: tuple[str, ...],
    against: str | None,
    model: str | None,
    to: str | None,
    current: str | None,
    config: str | None,
    store: str | None,
    as_json: bool,
) -> None:
    """Show what differs in data, code, libraries, metrics, licences, parameters and files, as verified evidence says."""
    from attestflow.cli.output import line, print_json
    from attestflow.cli.target import resolve_target
    from attestflow.cli.transition import production_now, transition_of
    from attestflow.differences import differences
    from attestflow.lineage import gather

    settings = load_settings(config, store)
    verifier, evidence = settings.verifier(), settings.open_store()
    about = resolve_target(target, include=include, quiet=as_json)
    if against is not None:
        other = resolve_target(against, quiet=as_json).content
    else:
        transition = transition_of(settings, model, to)
        if transition is None:
            raise click.UsageError("give --against TARGET, or --for models:/NAME and --to ALIAS")
        found = production_now(transition, current)
        if found is None:
            raise click.UsageError(
                f"nothing has {transition.to} of models:/{transition.model}: give --against or --current"
            )
        other = found
    made = differences(gather(about.content, evidence, verifier), gather(other, evidence, verifier))
    if as_json:
        print_json({"digest": str(about.content), "against": str(other), **made.to_json()})
        return
    line(f"{about.name} ({about.content}) against {other}")
    tell_differences(made)


def tell_differences(made: Differences) -> None:
    """Each section that differs, at most ten changes of each."""
    from attestflow.cli.output import line

    for section, changes in made.sections.items():
        if changes:
            note = "  (one side attests nothing of it)" if section in made.unknown else ""
            line(f"  {section}:{note}")
        for change in changes[:SHOWN]:
            line(f"    {change.word.ljust(7)}  {change.name}: {_value(change.before)} -> {_value(change.now)}")
        if len(changes) > SHOWN:
            line(f"    and {len(changes) - SHOWN} more")
    if not made:
        line("  nothing differs that anybody attested")


def _value(text: str | None) -> str:
    if text is None:
        return "nothing"
    return text if len(text) <= 60 else f"{text[:57]}…"
