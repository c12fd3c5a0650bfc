"""`attestflow replay`: does a recorded verdict still follow from its evidence?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from attestflow.cli.options import common, load_settings

if TYPE_CHECKING:
    from attestflow.settings import Settings
    from attestflow.store.interface import Store


@click.command(name="replay")
@click.argument("verdict", metavar="IDENTITY|BUNDLE|TARGET")
@common
def command(verdict: str, config: str | None, store: str | None, as_json: bool) -> None:
    """Evaluate a recorded verdict again: its policy, its trust root, its evidence, its time. Exit 4 when it comes out otherwise.

    \b
    IDENTITY is what `check`, `promote` and `history` print, BUNDLE a file; of a TARGET
    (a file, folder or digest) it is the newest verdict.
    """
    from attestflow.cli import EXIT_VERIFICATION
    from attestflow.cli.output import line, print_json
    from attestflow.replay import replay

    settings = load_settings(config, store)
    evidence = settings.open_store()
    found = replay(_bundle(verdict, settings, evidence), evidence, settings.verifier())
    if as_json:
        print_json(
            {
                "attestation": found.identity,
                "same": found.same,
                "result": found.recorded.result,
                "time": found.recorded.time_verified,
                "policy": {"name": found.recorded.policy_uri, "sha256": found.recorded.policy_sha256},
                "changes": list(found.changes),
            }
        )
    else:
        about = f"{found.recorded.result} {found.recorded.resource_uri} on {found.recorded.time_verified}"
        word = "the same, bit for bit" if found.same else "NOT THE SAME"
        line(f"{word}: {about}, policy {found.recorded.policy_uri}", style="green" if found.same else "red")
        for change in found.changes:
            line(f"  {change}", style="yellow")
    if not found.same:
        raise click.exceptions.Exit(EXIT_VERIFICATION)


def _bundle(text: str, settings: Settings, store: Store) -> bytes:
    from attestflow.cli.target import resolve_target
    from attestflow.digest import is_hex_digest
    from attestflow.errors import ConfigurationError
    from attestflow.predicates import vsa

    path = Path(text)
    if text.endswith(".sigstore.json") and path.is_file():
        return path.read_bytes()
    if is_hex_digest(text):
        return _by_identity(text, settings, store)
    content = resolve_target(text).content
    found = sorted(
        ((_time(each.raw), each.raw) for each in store.attestations(content, vsa.PREDICATE_TYPE)), reverse=True
    )
    if not found:
        raise ConfigurationError(f"no verdict about {content} is in the store", hint="`attestflow check` records one")
    return found[0][1]


def _by_identity(identity: str, settings: Settings, store: Store) -> bytes:
    from attestflow.errors import ConfigurationError
    from attestflow.impact.index import Index

    index = Index.of_account(settings.account.directory, store)
    try:
        index.update(settings.clock())
        for key in index.keys_of(identity):
            stored = store.at_key(key)
            if stored is not None:
                return stored.raw
    finally:
        index.close()
    raise ConfigurationError(f"no attestation {identity} is in the store", hint="`attestflow history` lists decisions")


def _time(raw: bytes) -> str:
    """When a verdict says that it was reached; only to sort by."""
    from attestflow.bundle import Bundle
    from attestflow.errors import AttestflowError
    from attestflow.statement import Statement

    try:
        return str(Statement.parse(Bundle.parse(raw).envelope.payload).predicate.get("timeVerified", ""))
    except AttestflowError:
        return ""
