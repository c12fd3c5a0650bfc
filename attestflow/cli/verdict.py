"""A verdict as lines that a model owner reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attestflow.cli.output import fields, line

if TYPE_CHECKING:
    from attestflow.verdict import Verdict

MARKS = {
    "passed": ("ok  ", "green"),
    "denied": ("DENY", "red"),
    "warned": ("warn", "yellow"),
    "excepted": ("EXC ", "yellow"),
}


def tell_verdict(verdict: Verdict, *, read: bool = True, preview: bool = False) -> None:
    """Print passed or denied, each finding with how to mend it, and under which policy.

    A `preview` is shown and not signed: what an owner sees before deciding.
    """
    if preview:
        line(f"What the gate would find about {verdict.subject_name} now:")
    elif verdict.passed and verdict.excepted:
        line(f"PASSED BY EXCEPTION  {verdict.subject_name}", style="yellow")
    elif verdict.passed:
        line(f"PASSED  {verdict.subject_name}", style="green")
    else:
        line(f"DENIED  {verdict.subject_name}", style="red")
    for finding in verdict.findings:
        mark, colour = MARKS[finding.outcome]
        line(f"  {mark}  {finding.rule}: {finding.message}", style=colour if finding.outcome != "passed" else None)
        if finding.waiver is not None:
            waiver = finding.waiver
            line(f"        WAIVED by {waiver.by} until {waiver.expires}: {waiver.reason}", style="yellow")
        elif finding.hint and finding.outcome != "passed":
            line(f"        hint: {finding.hint}")
    for rejected in verdict.rejected:
        line(f"  rejected  {rejected.location}: {rejected.reason}", style="yellow")
    transition = verdict.transition
    fields(
        {
            "subject": verdict.subject,
            "note": None if read else "no bytes were read: the digest was taken as given",
            "for": f"models:/{transition.model} to {transition.to} in {transition.registry}" if transition else None,
            "policy": f"{verdict.policy_name} sha256:{verdict.policy_sha256[:12]}…",
            "absence": verdict.absence,
            "verdict": None if preview else _signed(verdict),
        }
    )


def _signed(verdict: Verdict) -> str:
    return f"signed, {verdict.vsa_identity}" if verdict.vsa_identity else "NOT SIGNED: no verifier's key here"
