"""`attestflow show`: what the evidence says, of a target or of one bundle file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from attestflow.cli.options import common, load_settings, selection


@click.command(name="show")
@click.argument("target", metavar="TARGET|BUNDLE")
@selection
@common
def command(target: str, include: tuple[str, ...], config: str | None, store: str | None, as_json: bool) -> None:
    """List every attestation about TARGET, or print one bundle's statement and whether it verifies."""
    from attestflow.cli.output import print_json

    settings = load_settings(config, store)
    verifier = settings.verifier()
    bundle_file = Path(target)
    if target.endswith(".sigstore.json") and bundle_file.is_file():
        rows = [_row(bundle_file.read_bytes(), str(bundle_file), verifier, whole=True)]
    else:
        from attestflow.cli.target import resolve_target

        about = resolve_target(target, include=include, quiet=as_json)
        found = settings.open_store().attestations(about.content)
        rows = [_row(item.raw, item.location, verifier, whole=as_json) for item in found]
    if as_json:
        print_json({"attestations": rows})
    else:
        _tell(rows)
    if not rows:
        from attestflow.cli import EXIT_NOT_FOUND

        raise click.exceptions.Exit(EXIT_NOT_FOUND)


def _row(raw: bytes, location: str, verifier: Any, *, whole: bool) -> dict[str, Any]:
    from attestflow.bundle import Bundle
    from attestflow.errors import AttestflowError
    from attestflow.statement import Statement

    row: dict[str, Any] = {"location": location}
    try:
        bundle = Bundle.parse(raw)
        row["identity"] = bundle.identity
        statement = Statement.parse(bundle.envelope.payload)
        row["predicateType"] = statement.predicate_type
        row["subjects"] = [subject.to_json() for subject in statement.subjects]
        row["createdOn"] = statement.subjects[0].annotations.get("createdOn")
        if whole:
            row["predicate"] = statement.predicate
        verified = verifier.verify(bundle)
        row["verified"], row["functionary"] = True, verified.functionary
    except AttestflowError as exc:
        row["verified"], row["reason"] = False, exc.message
    return row


def _tell(rows: list[dict[str, Any]]) -> None:
    from attestflow.cli.output import fields, line

    if not rows:
        line("nothing is attested about these bytes", style="yellow")
    for row in rows:
        good = row["verified"]
        line(
            f"{'verified' if good else 'REJECTED'}  {row.get('predicateType', row['location'])}",
            style="green" if good else "red",
        )
        fields(
            {
                "by": row.get("functionary"),
                "on": row.get("createdOn"),
                "reason": row.get("reason"),
                "attestation": row.get("identity"),
            }
        )
        if "predicate" in row:
            line(json.dumps(row["subjects"], indent=2))
            line(json.dumps(row["predicate"], indent=2))
