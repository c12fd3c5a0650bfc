"""`attestflow policy test`: does a policy let pass and deny what its author thinks?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from attestflow.cli.options import common, load_settings

if TYPE_CHECKING:
    from attestflow.rehearsal.run import Played


@click.command(name="test")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--all-rules", is_flag=True, help="Fail, too, when a rule of the policy denies in no case.")
@common
def test(file: Path, all_rules: bool, config: str | None, store: str | None, as_json: bool) -> None:
    """Play the cases of FILE: made-up evidence, signed by your trust root's functionaries with passing keys.

    The policy that FILE names need not be signed yet. Exit 1 when a case comes out otherwise than it expects.
    """
    from attestflow.cli import EXIT_ERROR
    from attestflow.cli.output import line, print_json
    from attestflow.rehearsal.cases import parse_cases
    from attestflow.rehearsal.run import rehearse, uncovered
    from attestflow.settings import parsed_policy
    from attestflow.settings.files import read_guarded

    settings = load_settings(config, store)
    cases = parse_cases(read_guarded(file.absolute(), "policy test"))
    path = file.absolute().parent / cases.policy
    policy = parsed_policy(read_guarded(path, "policy"), path)
    played: list[Played] = []
    for each in rehearse(cases, policy, settings.trust_root(), settings.clock()):
        played.append(each)
        if not as_json:
            _tell(each)
    failed = sum(each.problem is not None for each in played)
    untried = uncovered(policy, played)
    if as_json:
        print_json({"policy": policy.name, "cases": [_document(each) for each in played], "untried": list(untried)})
    else:
        line(f"{len(played) - failed} of {len(played)} cases as expected", style="red" if failed else "green")
        if untried:
            line(f"no case shows these rules deny: {', '.join(untried)}", style="yellow")
    if failed or (all_rules and untried):
        raise click.exceptions.Exit(EXIT_ERROR)


def _tell(played: Played) -> None:
    from attestflow.cli.output import line

    if played.problem is None:
        line(f"ok    {played.case.name}", style="green")
        return
    line(f"FAIL  {played.case.name}: {played.problem}", style="red")
    for finding in played.verdict.denials:
        line(f"      {finding.rule}: {finding.message}")


def _document(played: Played) -> dict[str, Any]:
    return {
        "name": played.case.name,
        "asExpected": played.problem is None,
        "problem": played.problem,
        "passed": played.verdict.passed,
        "denied": [finding.to_json() for finding in played.verdict.denials],
    }
