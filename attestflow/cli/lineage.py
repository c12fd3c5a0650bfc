"""`attestflow lineage`: what TARGET was made of, as far as verified evidence reaches."""

from __future__ import annotations

import click

from attestflow.cli.options import common, load_settings, selection


@click.command(name="lineage")
@click.argument("target")
@selection
@click.option(
    "--format", "form", type=click.Choice(["tree", "json", "mermaid"]), default="tree", show_default=True, help="How."
)
@common
def command(
    target: str, include: tuple[str, ...], form: str, config: str | None, store: str | None, as_json: bool
) -> None:
    """Draw the tree from TARGET to its raw data. Only verified attestations are followed; what is missing is named."""
    from attestflow.cli.lineage_tree import lineage_document, tell_lineage
    from attestflow.cli.output import print_json
    from attestflow.cli.target import resolve_target
    from attestflow.lineage import gather

    settings = load_settings(config, store)
    verifier, evidence = settings.verifier(), settings.open_store()
    as_json = as_json or form == "json"
    about = resolve_target(target, include=include, quiet=as_json)
    lineage = gather(about.content, evidence, verifier)
    if as_json:
        print_json(lineage_document(lineage))
    elif form == "mermaid":
        from attestflow.rendering.mermaid import mermaid

        click.echo(mermaid(lineage, about.name), nl=False)
    else:
        tell_lineage(lineage, about.name)
