"""One alert, as a JSON document of a stable shape and as words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from attestflow.clock import format_time
from attestflow.documents import escaped
from attestflow.verdict import Finding, Transition, Verdict
from attestflow.watch import Watched

Event = Literal["denied", "excepted", "watch"]
EVENTS: tuple[Event, ...] = ("denied", "excepted", "watch")
FINDINGS = 20
_TEXT = 500


@dataclass(frozen=True, slots=True)
class Alert:
    """What happened (`event`), about which bytes and promotion, under which policy, and each finding with how to mend it.

    `key` is the same for an alert that says the same again; `attestation` the identity of the signed verdict.
    """

    event: Event
    title: str
    time: str
    subject: str
    name: str
    transition: Transition | None
    policy: str
    policy_sha256: str
    findings: tuple[Finding, ...]
    attestation: str | None = None
    actor: str | None = None

    @classmethod
    def of_verdict(cls, verdict: Verdict) -> Alert | None:
        """The alert of a verdict that denies, or that somebody's exception let through; None for any other."""
        event: Event = "denied" if not verdict.passed else "excepted"
        findings = verdict.denials or verdict.excepted
        if not findings:
            return None
        verb = "refused" if not verdict.allowed else "warned about" if event == "denied" else "let through BY EXCEPTION"
        to = _promotion(verdict.transition, verdict.subject_name)
        return cls(
            event,
            f"attestflow {verb} {to}",
            format_time(verdict.time),
            str(verdict.subject),
            verdict.subject_name,
            verdict.transition,
            verdict.policy_name,
            verdict.policy_sha256,
            findings,
            verdict.vsa_identity,
            verdict.actor,
        )

    @classmethod
    def of_watched(cls, row: Watched, time: str) -> Alert | None:
        """The alert of what is in production and would not pass any more; None where it would."""
        if not row.findings:
            return None
        decision = row.decision
        when = "soon" if row.state == "will-fail" else "now"
        to = _promotion(row.transition, decision.name)
        return cls(
            "watch",
            f"in production, and would not pass {when}: {to}",
            time,
            str(decision.subject),
            decision.name,
            row.transition,
            row.policy,
            decision.policy_sha256,
            row.findings,
            decision.identity,
            decision.actor,
        )

    @property
    def key(self) -> tuple[object, ...]:
        """What makes two alerts the same but for their time."""
        return (
            self.event,
            self.subject,
            self.transition,
            self.policy_sha256,
            tuple(each.message for each in self.findings),
        )

    def to_json(self) -> dict[str, Any]:
        """The document that a webhook gets (`attestflow.dev/alert/v1`)."""
        return {
            "type": f"attestflow.{self.event}",
            "timestamp": self.time,
            "data": {
                "title": self.title,
                "subject": self.subject,
                "name": self.name,
                "transition": self.transition.to_json() if self.transition else None,
                "policy": {"name": self.policy, "sha256": self.policy_sha256},
                "findings": [each.to_json() for each in self.findings[:FINDINGS]],
                "moreFindings": max(0, len(self.findings) - FINDINGS),
                "attestation": self.attestation,
                "actor": self.actor,
            },
        }

    def text(self) -> str:
        """The alert for chat and mail: plain lines, whatever names hold."""
        rows = [f"{each.rule}: {each.message}{_mend(each)}" for each in self.findings[:FINDINGS]]
        if len(self.findings) > FINDINGS:
            rows.append(f"and {len(self.findings) - FINDINGS} more")
        rows += [f"policy {self.policy}, {self.subject}", f"verdict {self.attestation}" if self.attestation else ""]
        return "\n".join(plain(row) for row in rows if row)


def plain(text: str) -> str:
    """`text` in one line, without what a chat or a mail program would take for markup or obey."""
    cut = text if len(text) <= _TEXT else text[:_TEXT] + "…"
    return escaped(cut.replace("\n", " ")).translate(_MARKUP)


_MARKUP = str.maketrans({"<": "‹", ">": "›", "`": "'", "*": "∗", "|": "¦", "@": "(at)", "[": "(", "]": ")"})


def _mend(finding: Finding) -> str:
    if finding.waiver is not None:
        return f" (waived by {finding.waiver.by} until {finding.waiver.expires}: {finding.waiver.reason})"
    return f" — {finding.hint}" if finding.hint else ""


def _promotion(transition: Transition | None, name: str) -> str:
    return plain(f"{transition.model} to {transition.to} in {transition.registry}" if transition else name or "a model")
