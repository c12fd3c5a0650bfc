"""A verdict as Markdown for a CI summary. Names are text: no pipe, link, mention, tag or line end of theirs does anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from attestflow.clock import format_time
from attestflow.documents import escaped
from attestflow.rendering.words import GROUPS, TITLES, grouped, headline, promotion
from attestflow.verdict import Finding, Verdict

if TYPE_CHECKING:
    from attestflow.differences import Differences

MARKS = {"denied": "❌", "excepted": "⚠️", "warned": "⚠️", "passed": "✅"}
CHANGES = 20
_SPECIAL = frozenset("\\`*_{}[]()#+-.!|<>&@:~$^=\"'/")


def markdown(verdict: Verdict, differences: Differences | None = None) -> str:
    """The verdict first, then what denies with how to mend it, then the rest folded."""
    return "\n".join(_lines(verdict, differences)) + "\n"


def text(value: object) -> str:
    """`value` as Markdown that shows it and nothing else, in one line."""
    plain = escaped(str(value).replace("\r", " ").replace("\n", " "))
    return "".join(f"&#{ord(char)};" if char in _SPECIAL else char for char in plain)


def _lines(verdict: Verdict, differences: Differences | None) -> Iterator[str]:
    word = headline(verdict)
    state = "passed" if word == "passed" else "denied" if "denied" in word else "excepted"
    yield f"## {MARKS[state]} {word.capitalize()}: {text(promotion(verdict))}"
    yield ""
    groups = grouped(verdict)
    for group in GROUPS:
        if not groups[group]:
            continue
        folded = group == "passed"
        if folded:
            yield f"<details><summary>{TITLES[group]} ({len(groups[group])})</summary>"
        else:
            yield f"### {TITLES[group]}"
        yield ""
        yield "| | rule | found | how to mend it |"
        yield "| --- | --- | --- | --- |"
        for finding in groups[group]:
            yield f"| {MARKS[group]} | {text(finding.rule)} | {text(finding.message)} | {text(_mend(finding))} |"
        yield ""
        if folded:
            yield "</details>"
            yield ""
    yield from _changes(differences)
    yield from _details(verdict)


def _mend(finding: Finding) -> str:
    if finding.waiver is not None:
        return f"waived by {finding.waiver.by} until {finding.waiver.expires}: {finding.waiver.reason}"
    return finding.hint or ""


def _changes(differences: Differences | None) -> Iterator[str]:
    if differences is None:
        return
    yield "### What differs from what is in production"
    yield ""
    if not differences:
        yield "Nothing that anybody attested."
        yield ""
        return
    yield "| | what | before | now |"
    yield "| --- | --- | --- | --- |"
    rows = [(section, change) for section, changes in differences.sections.items() for change in changes]
    for section, change in rows[:CHANGES]:
        before, now = ("" if value is None else value for value in (change.before, change.now))
        yield f"| {section} | {text(change.name)} | {text(before)} | {text(now)} |"
    if len(rows) > CHANGES:
        yield f"| | and {len(rows) - CHANGES} more | | |"
    yield ""


def _details(verdict: Verdict) -> Iterator[str]:
    rows = {
        "subject": verdict.subject,
        "in production": verdict.production or "nothing",
        "policy": f"{verdict.policy_name} sha256:{verdict.policy_sha256}",
        "trust root": f"sha256:{verdict.trust_root_sha256}",
        "absence": verdict.absence,
        "time": format_time(verdict.time),
        "asked by": verdict.actor or "nobody named",
        "verdict": verdict.vsa_identity or "not signed",
    }
    yield "<details><summary>Digests</summary>"
    yield ""
    yield "| | |"
    yield "| --- | --- |"
    for name, value in rows.items():
        yield f"| {name} | {text(value)} |"
    for rejected in verdict.rejected:
        yield f"| rejected | {text(rejected.location)}: {text(rejected.reason)} |"
    yield ""
    yield "</details>"
