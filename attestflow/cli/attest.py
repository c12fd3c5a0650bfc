"""`attestflow attest`: sign what a data set, model or code tree is, or a report about one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from attestflow.cli.options import common, load_settings, passphrase_for, passphrase_option, selection


@click.group(name="attest")
def command() -> None:
    """Sign which bytes a data set, model or code is, or a report about one."""


def _content_command(kind: str, text: str) -> click.Command:
    @click.command(name=kind, help=text)
    @click.argument("target")
    @selection
    @click.option("--name", help="The subject's name; the base name of TARGET otherwise.")
    @click.option("--role", default="pipeline", show_default=True, help="Whose key signs.")
    @click.option("--oms", type=click.Path(dir_okay=False, path_type=Path), help="Also write an OMS bundle here.")
    @passphrase_option
    @common
    def run(
        target: str,
        include: tuple[str, ...],
        name: str | None,
        role: str,
        oms: Path | None,
        passphrase_fd: int | None,
        **options: Any,
    ) -> None:
        attest_content(kind, target, include, name, role, oms, passphrase_fd, **options)

    return run


def attest_content(
    kind: Any,
    target: str,
    include: tuple[str, ...],
    name: str | None,
    role: str,
    oms: Path | None,
    passphrase_fd: int | None,
    *,
    config: str | None,
    store: str | None,
    as_json: bool,
) -> None:
    """Measure TARGET once for both digests, sign, store; print the digest."""
    from attestflow.attest import Attester
    from attestflow.cli.output import fields, line, print_json, size_text
    from attestflow.cli.target import is_digest, read_target
    from attestflow.settings.files import write_whole

    if is_digest(target):
        raise click.UsageError("attest reads bytes: give a path or models:/…, not a digest")
    settings = load_settings(config, store)
    # Whatever can go wrong without reading the bytes goes wrong before they are read.
    signer = settings.signer(role, passphrase_for(settings, role, passphrase_fd))
    attester = Attester(settings.open_store(), signer, settings.verifier(), settings.clock)
    measured = read_target(target, name=name, include=include, quiet=as_json)
    made = attester.attest_content(measured, kind=kind)
    if oms is not None:
        write_whole(oms, signer.sign_oms(measured.listing or measured.content, measured.name))
    document = {
        "kind": kind,
        "name": measured.name,
        "digest": str(measured.content),
        "blake3": measured.blake3,
        "size": measured.size,
        "files": measured.files,
        "selection": list(measured.selection),
        "attestation": made.identity,
        "oms": str(oms) if oms else None,
    }
    if as_json:
        print_json(document)
        return
    line(f"attested {kind} {measured.name}", style="green")
    what = f"{measured.files} files, " if measured.content.kind == "tree" else ""
    fields(
        {
            "digest": measured.content,
            "read": f"{what}{size_text(measured.size)}",
            "selection": f"PARTIAL: only {', '.join(measured.selection)}" if measured.selection else None,
            "signed by": role,
            "attestation": made.identity,
            "OMS bundle": oms,
        }
    )


command.add_command(_content_command("dataset", "Sign which bytes a data set is."))
command.add_command(_content_command("model", "Sign which bytes a model is."))
command.add_command(_content_command("code", "Sign which bytes a code tree is."))


@command.command(name="report")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--about", "target", required=True, metavar="TARGET", help="What the report is about.")
@selection
@click.option("--type", "predicate_type", metavar="URI", help="Predicate type; told from the file otherwise.")
@click.option(
    "--suite", type=click.Path(exists=True, path_type=Path), help="What a JUnit report ran: its digest is signed."
)
@click.option("--role", help="Whose key signs; validation for test results, pipeline otherwise.")
@passphrase_option
@common
def report(
    file: Path,
    target: str,
    include: tuple[str, ...],
    predicate_type: str | None,
    suite: Path | None,
    role: str | None,
    passphrase_fd: int | None,
    config: str | None,
    store: str | None,
    as_json: bool,
) -> None:
    """Sign a report about TARGET: SARIF, CycloneDX, JUnit, in-toto test result or vulns, or any JSON with --type."""
    from attestflow.cli.output import fields, line, print_json
    from attestflow.cli.reports import read_report
    from attestflow.cli.target import resolve_target
    from attestflow.subject import measure

    described = measure(suite, algorithms=("sha256",)).descriptor() if suite is not None else None
    kind = read_report(file.read_bytes(), file.name, predicate_type, described)
    signer = role or kind.role
    settings = load_settings(config, store)
    attester = settings.attester(signer, passphrase_for(settings, signer, passphrase_fd))
    about = resolve_target(target, include=include, quiet=as_json)
    made = attester.attest_predicate([about.descriptor()], kind.predicate_type, kind.predicate)
    document = {
        "name": about.name,
        "digest": str(about.content),
        "predicateType": kind.predicate_type,
        "attestation": made.identity,
        "bytesRead": about.measured is not None,
    }
    if as_json:
        print_json(document)
        return
    line(f"attested {kind.what} about {about.name}", style="green")
    note = None if about.measured else "no bytes were read: the digest was taken as given"
    fields({"digest": about.content, "type": kind.predicate_type, "signed by": signer, "note": note})
    fields({"attestation": made.identity})
