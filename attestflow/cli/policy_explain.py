"""`attestflow policy explain`: what a rule asks for, how it is written, and how to mend what it denies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from attestflow.policy.schema import Rule


@click.command(name="explain")
@click.argument("rule", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document for programs.")
def explain(rule: str | None, as_json: bool) -> None:
    """Print the page of RULE; without one, list all rules."""
    from attestflow.cli.output import line, print_json
    from attestflow.documents import escaped
    from attestflow.policy.registry import every_rule, find_rule, page

    if rule is not None:
        found = find_rule(rule, "policy explain")
        if as_json:
            print_json(_document(found))
        else:
            for row in page(rule).splitlines():
                click.echo(escaped(row))
        return
    rules = every_rule()
    if as_json:
        print_json({"rules": [_document(each) for each in rules]})
        return
    width = max(len(each.id) for each in rules)
    for each in rules:
        line(f"{each.id.ljust(width)}  {each.description}")


def _document(rule: Rule) -> dict[str, object]:
    return {
        "id": rule.id,
        "severity": rule.severity,
        "description": rule.description,
        "remediation": rule.remediation,
        "parameters": {
            key: {"kind": each.kind, "required": each.required, "description": each.description}
            for key, each in rule.parameters.items()
        },
    }
