"""Reading results out of SARIF 2.1.0: which level each has, and whether the tool really ran to its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from attestflow.documents import shown

LEVELS = ("none", "note", "warning", "error")


@dataclass(frozen=True, slots=True)
class SarifResult:
    """One result that a tool reported: its rule, level (SARIF 3.27.10) and message."""

    rule: str
    level: str
    message: str

    def __str__(self) -> str:
        return f"{shown(self.rule, 60)} ({self.level}): {shown(self.message, 120)}"


def tools(report: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the tools that ran."""
    return tuple(str(_object(_object(run.get("tool")).get("driver")).get("name", "")) for run in runs(report))


def runs(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The runs of a report."""
    return [_object(run) for run in report.get("runs") or ()]


def results(run: Mapping[str, Any]) -> Iterator[SarifResult]:
    """The results of a run that report something; a level that cannot be told counts as `warning`, the default."""
    for entry in run.get("results") or ():
        result = _object(entry)
        kind = result.get("kind", "fail")
        if kind in ("pass", "notApplicable", "informational"):
            continue
        message = _object(result.get("message"))
        text = str(message.get("text") or message.get("id") or "")
        yield SarifResult(
            str(result.get("ruleId") or _object(result.get("rule")).get("id") or ""), _level(result, run), text
        )


def unfinished(run: Mapping[str, Any]) -> str | None:
    """Why a run does not count as finished; None where it does (SARIF 3.20.14, 3.20.21)."""
    for entry in run.get("invocations") or ():
        invocation = _object(entry)
        if invocation.get("executionSuccessful") is not True:
            return "the tool says that it did not finish"
        for note in invocation.get("toolExecutionNotifications") or ():
            if _object(note).get("level") == "error":
                text = str(_object(_object(note).get("message")).get("text") or "")
                return f"the tool reported an error of its own: {shown(text, 120)}"
    return None


def _level(result: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    stated = result.get("level")
    if stated is None:
        stated = _object(_rule(result, run).get("defaultConfiguration")).get("level", "warning")
    # Something failed, whatever level it claims: one that is none, or unknown, does not make it nothing.
    if stated == "none":
        return "note"
    return stated if stated in LEVELS else "warning"


def _rule(result: Mapping[str, Any], run: Mapping[str, Any]) -> Mapping[str, Any]:
    rules = _object(_object(run.get("tool")).get("driver")).get("rules")
    known = [_object(rule) for rule in rules] if isinstance(rules, list) else []
    index = result.get("ruleIndex", _object(result.get("rule")).get("index"))
    if isinstance(index, int) and not isinstance(index, bool) and 0 <= index < len(known):
        return known[index]
    name = result.get("ruleId")
    return next((rule for rule in known if rule.get("id") == name), {})


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
