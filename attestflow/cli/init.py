"""`attestflow init`: settings, keys, a signed trust root and policy, and a store."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from attestflow.cli.options import read_passphrase

ROLES = ("root", "pipeline", "validation", "owner", "verifier")


def _parse_descriptors(values: tuple[str, ...]) -> dict[str, int]:
    descriptors = {}
    for value in values:
        role, equals, number = value.partition("=")
        if role not in ROLES or not equals or not number.isdigit():
            raise click.UsageError(f"--passphrase-fd takes ROLE=N with a role of {', '.join(ROLES)}; not {value!r}")
        descriptors[role] = int(number)
    return descriptors


def _passphrases(descriptors: dict[str, int]) -> dict[str, bytes]:
    """From descriptors; on a terminal, owner and root are asked for (empty: no passphrase)."""
    given = {role: read_passphrase(number) for role, number in descriptors.items()}
    if sys.stdin.isatty():
        for role in ("root", "owner"):
            if role not in given:
                answer = click.prompt(
                    f"Passphrase for the key of {role} (empty: none)",
                    default="",
                    hide_input=True,
                    show_default=False,
                    confirmation_prompt=True,
                    err=True,
                )
                if answer:
                    given[role] = answer.encode()
    return given


@click.command(name="init")
@click.argument("directory", default=".", type=click.Path(file_okay=False, path_type=Path))
@click.option("--registry", default="default", show_default=True, help="The name of your model registry.")
@click.option("--store", default="attestations", show_default=True, metavar="URL", help="Where attestations are kept.")
@click.option(
    "--passphrase-fd", "descriptors", multiple=True, metavar="ROLE=N", help="Encrypt ROLE's key; read from N."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document for programs.")
def command(directory: Path, registry: str, store: str, descriptors: tuple[str, ...], as_json: bool) -> None:
    """Make keys, a trust root, a policy that guards `production`, and a store. Never overwrites anything."""
    from attestflow.cli.output import fields, line, print_json
    from attestflow.cli.scaffold import scaffold

    passphrases = _passphrases(_parse_descriptors(descriptors))
    made = scaffold(directory, registry=registry, store=store, passphrases=passphrases)
    encrypted = sorted(passphrases)
    if as_json:
        print_json({"settings": str(made.settings), "rootFingerprint": made.fingerprint, "encrypted": encrypted})
        return
    line(f"made {made.settings}", style="green")
    fields(
        {
            "keys": f"{directory / 'keys'} (encrypted: {', '.join(encrypted) or 'none'})",
            "trust root": f"{directory / 'trust-root.yaml'}, signed by root sha256:{made.fingerprint}",
            "policy": f"{directory / 'policies' / 'production.yaml'}, signed",
            "store": store,
        }
    )
    line()
    line("Keep apart: root.key offline (it signs trust root and policies), owner.key with the model's owner,")
    line("verifier.key on the registry's server alone, pipeline.key and validation.key with the orchestrator.")
    if "owner" not in passphrases:
        line("owner.key is not encrypted: whoever reads it can approve.", style="yellow")
    line("next: attestflow attest dataset PATH")
