"""`attestflow adopt`: take on a registry that has years of models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from attestflow.cli.options import common, load_settings, passphrase_for, passphrase_option
from attestflow.cli.registry_options import registry_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from attestflow.integrations.mlflow.records.adopt import Adopted, Gap


@click.command(name="adopt")
@registry_options
@click.option("--only-protected", is_flag=True, help="Only versions that hold what a policy guards.")
@click.option("--role", default="pipeline", show_default=True, help="Whose key signs what was found.")
@click.option("--resume", type=click.Path(dir_okay=False, path_type=Path), help="Note here what is done, and skip it.")
@passphrase_option
@common
def command(
    registry_uri: str | None,
    tracking_uri: str | None,
    workspace: str | None,
    pattern: str,
    only_protected: bool,
    role: str,
    resume: Path | None,
    passphrase_fd: int | None,
    config: str | None,
    store: str | None,
    as_json: bool,
) -> None:
    """Attest every version in a registry as it was found, and record what production lacks.

    \b
    What is signed says `asFound`: nobody vouches for where it came from. Run it with
    the policies in mode `warn`; it stops before it signs anything where one is in
    `enforce` and what is in production would not pass. To run it again does no harm.
    Exit 1 when something could not be read, 10 when production would be locked out.
    """
    from attestflow.cli import EXIT_BLOCKED, EXIT_ERROR
    from attestflow.cli.output import print_json, progress
    from attestflow.integrations.mlflow.records.adopt import Adoption, key
    from attestflow.integrations.mlflow.records.registry_view import RegistryView

    settings = load_settings(config, store)
    attester = settings.attester(role, passphrase_for(settings, role, passphrase_fd))
    view = RegistryView.of(registry_uri, tracking_uri, workspace)
    adoption = Adoption.of(view, settings, attester, showing=partial(progress, quiet=as_json))
    locked = list(adoption.locked_out(pattern))
    if locked:
        _tell_locked(locked, view.uri, as_json=as_json)
        raise click.exceptions.Exit(EXIT_BLOCKED)
    tell = None if as_json else _tell
    adopted: list[dict[str, Any]] = []
    unreadable = 0
    with _noting(resume) as (done, note):
        for each in adoption.versions(pattern, only_guarded=only_protected, done=done):
            unreadable += each.state == "unreadable"
            if each.state != "unreadable":
                note(key(each.model, each.version))
            if tell:
                tell(each)
            else:
                adopted.append(_adopted(each))
    gaps = []
    for gap in adoption.gaps(pattern):
        unreadable += gap.problem is not None
        gaps.append(_gap(gap))
        if tell:
            _tell_gap(gap)
    if as_json:
        print_json({"registry": view.uri, "versions": adopted, "production": gaps, "unreadable": unreadable})
    else:
        _sum_up(gaps, unreadable)
    if unreadable:
        raise click.exceptions.Exit(EXIT_ERROR)


@contextmanager
def _noting(path: Path | None) -> Iterator[tuple[frozenset[str], Callable[[str], None]]]:
    """What a file lists as done, and a function that adds to it."""
    if path is None:
        yield frozenset(), lambda name: None
        return
    done = frozenset(path.read_text(encoding="utf-8").splitlines()) if path.exists() else frozenset()
    with path.open("a", encoding="utf-8") as file:

        def note(name: str) -> None:
            file.write(f"{name}\n")
            file.flush()

        yield done, note


def _tell_locked(locked: list[Gap], uri: str, *, as_json: bool) -> None:
    from attestflow.cli.output import line, print_json

    if as_json:
        print_json({"registry": uri, "versions": [], "lockedOut": [_gap(each) for each in locked]})
    else:
        line("NOTHING WAS ADOPTED: a policy is in `enforce`, and what is in production would not pass it", style="red")
        for each in locked:
            _tell_gap(each)
    hint = "set `mode: warn` in that policy, raise its version and sign it; adopt, mend the gaps, then set `enforce`"
    click.echo(f"hint: {hint}", err=True)


def _tell(each: Adopted) -> None:
    from attestflow.cli.output import line

    about = f"models:/{each.model}/{each.version}"
    if each.state == "unreadable":
        line(f"UNREADABLE  {about}: {each.problem}", style="red")
        return
    line(f"{'attested' if each.state == 'attested' else 'known   '}    {about}  {each.content}", style="green")
    if each.problem:
        line(f"            {each.problem}", style="yellow")


def _tell_gap(gap: Gap) -> None:
    from attestflow.cli.output import line

    about = f"models:/{gap.model} {gap.to} is version {gap.version}, policy {gap.policy}"
    if gap.problem is not None:
        line(f"UNREADABLE  {about}: {gap.problem}", style="red")
    elif gap.verdict is None:
        line(f"decided     {about}: a decision stands", style="green")
    elif gap.verdict.passed:
        line(f"passes      {about}", style="green")
    else:
        line(f"GAPS        {about}:", style="yellow")
        for finding in gap.verdict.denials:
            line(f"            {finding.rule}: {finding.message}", style="yellow")
            if finding.hint:
                line(f"              hint: {finding.hint}")


def _sum_up(gaps: list[dict[str, Any]], unreadable: int) -> None:
    from attestflow.cli.output import line

    lacking = sum(bool(gap["denied"]) for gap in gaps)
    line(f"{len(gaps)} in production, {lacking} with gaps; {unreadable} could not be read")
    if lacking:
        line(
            "hint: mend the gaps, promote again, then set `mode: enforce`: `attestflow audit` says what would be refused"
        )


def _adopted(each: Adopted) -> dict[str, Any]:
    return {
        "model": each.model,
        "version": each.version,
        "state": each.state,
        "digest": str(each.content) if each.content else None,
        "attestation": each.attestation,
        "mlBom": each.ml_bom,
        "problem": each.problem,
    }


def _gap(gap: Gap) -> dict[str, Any]:
    verdict = gap.verdict
    return {
        "model": gap.model,
        "to": gap.to,
        "version": gap.version,
        "policy": gap.policy,
        "passed": verdict.passed if verdict else gap.problem is None,
        "denied": [finding.to_json() for finding in verdict.denials] if verdict else [],
        "attestation": verdict.vsa_identity if verdict else None,
        "problem": gap.problem,
    }
