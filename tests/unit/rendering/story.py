"""Verdicts to render: real ones, of real evidence, and one whose every name is hostile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from attestflow.lineage import Lineage, gather
from attestflow.testing.trust import new_verifier
from attestflow.verdict import Finding, Rejected, Transition, Verdict, Waiver
from tests.attacks.conftest import Pipeline

HOSTILE = (
    "</title></style><script>alert(1)</script><img src=x onerror=alert(2)>\"'`|\n| x |\r\n# h [a](javascript:alert(3)) "
    "@everyone https://evil.example \u202egpj.exe\x1b[31m\x00 --> end; click n0 call x() ]]> {{ 7*7 }} {% x %} $(id)"
)


def denied(folder: Path) -> tuple[Verdict, Lineage]:
    """Data that nobody validated, one file of which changed; no approval."""
    pipeline = Pipeline(folder)
    pipeline.attest_data()
    (pipeline.folder / "data" / "train.csv").write_text("x,y\n9,9\n")
    pipeline.train()
    pipeline.bom()
    return pipeline.verdict(), lineage(pipeline)


def passed(folder: Path) -> tuple[Verdict, Lineage]:
    """An honest pipeline."""
    pipeline = Pipeline(folder)
    pipeline.run()
    return pipeline.verdict(), lineage(pipeline)


def lineage(pipeline: Pipeline) -> Lineage:
    return gather(pipeline.model.content, pipeline.store, new_verifier(pipeline.people, now=pipeline.now))


def excepted(verdict: Verdict) -> Verdict:
    """The same, its denials waived."""
    waiver = Waiver("oncall", "incident 1207: fraud wave", "2026-06-01T16:00:00Z", "e" * 64)
    findings = tuple(
        replace(each, outcome="excepted", waiver=waiver) if each.outcome == "denied" else each
        for each in verdict.findings
    )
    return replace(verdict, passed=True, findings=findings)


def hostile(verdict: Verdict) -> Verdict:
    """Every text that somebody else may choose is hostile."""
    waiver = Waiver(HOSTILE, HOSTILE, "2026-06-01T16:00:00Z", "e" * 64)
    changes: dict[str, Any] = {
        "findings": (
            Finding("ml-bom", "denied", HOSTILE, HOSTILE),
            Finding("approved", "excepted", HOSTILE, None, None, (), waiver),
            Finding("fresh", "warned", HOSTILE, HOSTILE),
            Finding("observed", "passed", HOSTILE),
        ),
        "passed": False,
        "subject_name": HOSTILE,
        "policy_name": HOSTILE,
        "actor": HOSTILE,
        "transition": Transition(HOSTILE, HOSTILE, f"alias:{HOSTILE}"),
        "rejected": (Rejected(HOSTILE, HOSTILE),),
    }
    return replace(verdict, **changes)
