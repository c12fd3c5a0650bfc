"""`attestflow impact`: what descends from this data set, package, base model or key?"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from attestflow.cli.options import common, load_settings, selection
from attestflow.errors import ConfigurationError

if TYPE_CHECKING:
    from attestflow.impact.index import Index
    from attestflow.impact.trace import Affected
    from attestflow.settings import Settings


@click.command(name="impact")
@click.argument("what", metavar="TARGET|pkg:…|key:sha256:…|functionary:NAME")
@selection
@click.option("--rebuild", is_flag=True, help="Read the whole store again, for what was written past attestflow.")
@click.option("--unverified", is_flag=True, help="Also what only statements that do not verify say.")
@common
def command(
    what: str,
    include: tuple[str, ...],
    rebuild: bool,
    unverified: bool,
    config: str | None,
    store: str | None,
    as_json: bool,
) -> None:
    """Name every model, data set and production alias that descends from WHAT, each with the attestation that says so.

    \b
    TARGET is a data set or a base model. pkg:pypi/NAME or pkg:pypi/NAME@VERSION is a
    package, as ML-BOMs list it. A key or a functionary: all that it signed.
    """
    from attestflow.cli.output import print_json
    from attestflow.impact.index import Index

    settings = load_settings(config, store)
    evidence = settings.open_store()
    index = Index.of_account(settings.account.directory, evidence)
    try:
        _update(index, settings, rebuild=rebuild, quiet=as_json)
        rows = list(_traced(what, include, index, settings, unverified=unverified, quiet=as_json))
        known, whole = index.count(), index.whole_on
    finally:
        index.close()
    rows.sort(key=lambda each: (not each.holds, each.kind or "", each.name or "", str(each.content)))
    if as_json:
        head = {"what": what, "attestations": known, "wholeStoreReadOn": whole}
        print_json({**head, "affected": [_document(each) for each in rows]})
    else:
        _tell(rows, known, whole)


def _update(index: Index, settings: Settings, *, rebuild: bool, quiet: bool) -> None:
    import sys

    def progress(count: int) -> None:
        if sys.stderr.isatty() and not quiet:
            click.echo(f"\rread {count} attestations", nl=False, err=True)

    index.update(settings.clock(), rebuild=rebuild, progress=progress)
    if sys.stderr.isatty() and not quiet:
        click.echo("\r", nl=False, err=True)


def _traced(
    what: str, include: tuple[str, ...], index: Index, settings: Settings, *, unverified: bool, quiet: bool
) -> Iterator[Affected]:
    from attestflow.impact import trace

    evidence, verifier = settings.open_store(), settings.verifier()
    if what.startswith("pkg:"):
        yield from trace.users_of_package(what, index, evidence, verifier, unverified=unverified)
    elif what.startswith(("key:", "functionary:")):
        yield from trace.signed_by_key(_hints(what, settings), index, evidence, verifier)
    else:
        from attestflow.cli.target import resolve_target

        content = resolve_target(what, include=include, quiet=quiet).content
        yield from trace.descendants(content, index, evidence, verifier, unverified=unverified)


def _hints(what: str, settings: Settings) -> list[str]:
    """The hints by which bundles name these keys; of one that the trust root no longer knows, the usual one."""
    from attestflow.digest import is_hex_digest

    kind, _, value = what.partition(":")
    functionaries = settings.trust_root().functionaries
    if kind == "functionary":
        if value not in functionaries:
            raise ConfigurationError(f"the trust root knows no {value}", hint=", ".join(functionaries))
        return [hint for trusted in functionaries[value].keys for hint in trusted.key.hints]
    fingerprint = value.removeprefix("sha256:")
    if not is_hex_digest(fingerprint):
        raise ConfigurationError("a key is named by its fingerprint", hint="key:sha256:<64 hex digits>")
    known = [each for one in functionaries.values() for each in one.keys if each.fingerprint == fingerprint]
    return [hint for each in known for hint in each.key.hints] or [
        base64.b64encode(bytes.fromhex(fingerprint)).decode()
    ]


def _tell(rows: list[Affected], known: int, whole: str | None) -> None:
    from attestflow.cli.output import line, short

    for each in rows:
        state = "IN PRODUCTION" if each.holds else "affected     "
        title = f"{each.name or 'content'}  {each.kind or 'UNATTESTED'}  {each.content}"
        line(f"{state}  {title}{'' if each.verified else '  (NOT VERIFIED)'}", style="red" if each.holds else None)
        for decision in each.holds:
            about = decision.transition
            line(f"               models:/{about.model} {about.to} in {about.registry}, policy {decision.policy}")
        if each.via is not None:
            line(f"               made of {short(str(each.via))}", style="bright_black")
    production = sum(bool(each.holds) for each in rows)
    line(
        f"{len(rows)} affected, {production} in production; {known} attestations known, the whole store read on {whole}"
    )
    if production:
        line("hint: take the alias or stage away, or promote a version that is not affected")


def _document(each: Affected) -> dict[str, Any]:
    return {
        "digest": str(each.content),
        "name": each.name,
        "kind": each.kind,
        "madeOf": str(each.via) if each.via else None,
        "attestation": each.evidence,
        "verified": each.verified,
        "production": [
            {**decision.transition.to_json(), "policy": decision.policy, "attestation": decision.identity}
            for decision in each.holds
        ],
    }
