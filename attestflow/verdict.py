"""Verdicts: passed or denied, with every finding and how to mend it; serialised as a SLSA VSA."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from attestflow.clock import format_time, parse_time
from attestflow.digest import ContentDigest
from attestflow.documents import canonical_json, shown
from attestflow.errors import ConfigurationError
from attestflow.names import fold
from attestflow.predicates.vsa import Vsa

Outcome = Literal["passed", "denied", "warned", "excepted"]
VERIFIER_ID = "https://attestflow.dev/gate"
PASSED_LEVEL = "ATTESTFLOW_POLICY_PASSED"
EXCEPTED_LEVEL = "ATTESTFLOW_POLICY_EXCEPTED"
APPROVAL_RULE = "approved"
GATE_RULE = "gate"  # a denial that is not about the bytes: another promotion came first


@dataclass(frozen=True, slots=True)
class Transition:
    """What is asked for: in `registry`, `model` gets `to`, which is `alias:<name>` or `stage:<name>`."""

    registry: str
    model: str
    to: str

    @classmethod
    def parse(cls, registry: str, model: str, to: str) -> Transition:
        """`production` and `alias:production` mean the alias, `stage:Production` the stage. ConfigurationError otherwise."""
        kind, separator, name = to.partition(":")
        if not separator:
            kind, name = "alias", to
        if kind not in ("alias", "stage") or not name or not registry or not model:
            raise ConfigurationError(f"{shown(to)} is no transition", hint="write an alias, or stage:NAME")
        return cls(registry, model, f"{kind}:{name}")

    def same_as(self, registry: str, model: str, to: str) -> bool:
        """Whether these name this transition: registry and model to the letter, alias and stage folded."""
        return (self.registry, self.model, fold(self.to)) == (registry, model, fold(to))

    def to_json(self) -> dict[str, str]:
        """As it stands in a verdict."""
        return {"registry": self.registry, "model": self.model, "to": self.to}


@dataclass(frozen=True, slots=True)
class Rejected:
    """A bundle that was found and does not count: where it lies, and why."""

    location: str
    reason: str


@dataclass(frozen=True, slots=True)
class Waiver:
    """Why a denial is not in force: who waived it until when (RFC 3339), and by what signed exception.

    `identity` is None for an exception that stands in the policy.
    """

    by: str
    reason: str
    expires: str
    identity: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As it stands in a verdict."""
        return {"by": self.by, "reason": self.reason, "expires": self.expires, "attestation": self.identity}


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule found. `message` is for people, `hint` says how to mend it, `evidence` are identities.

    The outcome `excepted` is a denial that `waiver` waives.
    """

    rule: str
    outcome: Outcome
    message: str
    hint: str | None = None
    subject: str | None = None
    evidence: tuple[str, ...] = ()
    waiver: Waiver | None = None

    def to_json(self) -> dict[str, Any]:
        """As it stands in a verdict."""
        document = {
            "rule": self.rule,
            "outcome": self.outcome,
            "message": self.message,
            "hint": self.hint,
            "subject": self.subject,
            "evidence": sorted(self.evidence),
        }
        return document if self.waiver is None else {**document, "waiver": self.waiver.to_json()}

    def without_waiver(self) -> Finding:
        """The finding as the rule made it."""
        return self if self.waiver is None else replace(self, outcome="denied", waiver=None)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision about one subject and one transition under one policy, at one time.

    `passed` is what the rules say; `enforced` is false where the policy only warns. `production` is the content in
    production when it was asked, `actor` whoever asked, as the gate's surroundings authenticated them (None: nobody did).
    `lineage` are the identities of all verified attestations that it was reached over. `vsa_identity` names the signed
    record, None where no verifier signed it.
    """

    passed: bool
    enforced: bool
    findings: tuple[Finding, ...]
    subject: ContentDigest
    subject_name: str
    policy_name: str
    policy_sha256: str
    trust_root_sha256: str
    absence: str
    time: datetime
    transition: Transition | None = None
    production: ContentDigest | None = None
    rejected: tuple[Rejected, ...] = ()
    vsa_identity: str | None = None
    actor: str | None = None
    lineage: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether a gate lets it through."""
        return self.passed or not self.enforced

    @property
    def denials(self) -> tuple[Finding, ...]:
        """The findings that denied."""
        return tuple(finding for finding in self.findings if finding.outcome == "denied")

    @property
    def excepted(self) -> tuple[Finding, ...]:
        """The denials that somebody waived."""
        return tuple(finding for finding in self.findings if finding.outcome == "excepted")

    def findings_sha256(self) -> str:
        """SHA-256 (hex) of what an owner sees (`findings_digest`)."""
        return findings_digest(
            self.subject, self.transition, self.production, self.policy_name, self.policy_sha256, self.findings
        )

    def to_json(self) -> dict[str, Any]:
        """The whole verdict as JSON values; the same verdict is the same bytes."""
        return {
            **self._head(),
            "result": "passed" if self.passed else "denied",
            "enforced": self.enforced,
            "name": self.subject_name,
            "trustRoot": self.trust_root_sha256,
            "absence": self.absence,
            "time": format_time(self.time),
            "findings": [finding.to_json() for finding in self.findings],
            "findingsDigest": self.findings_sha256(),
            "rejected": [{"location": item.location, "reason": item.reason} for item in self.rejected],
            "attestation": self.vsa_identity,
            "actor": self.actor,
        }

    def to_vsa(self, expires: datetime) -> Vsa:
        """The SLSA VSA of this verdict, `PASSED` or `FAILED`; what VSA has no field for stands in its extension."""
        evidence = sorted({*self.lineage, *(each for finding in self.findings for each in finding.evidence)})
        waived = [parse_time(each.waiver.expires) for each in self.findings if each.waiver is not None]
        level = EXCEPTED_LEVEL if waived else PASSED_LEVEL
        extension: Mapping[str, Any] = {
            "findings": [finding.to_json() for finding in self.findings],
            "transition": self.transition.to_json() if self.transition else None,
            "production": str(self.production) if self.production else None,
            "expires": format_time(min([expires, *waived])),
            "absence": self.absence,
            "enforced": self.enforced,
            "trustRoot": self.trust_root_sha256,
            "actor": self.actor,
            "name": self.subject_name,
        }
        return Vsa(
            verifier_id=VERIFIER_ID,
            time_verified=format_time(self.time),
            resource_uri=str(self.subject),
            policy_uri=self.policy_name,
            policy_sha256=self.policy_sha256,
            input_attestations=tuple(evidence),
            result="PASSED" if self.passed else "FAILED",
            verified_levels=(level,) if self.passed else ("FAILED",),
            extension=extension,
        )

    def _head(self) -> dict[str, Any]:
        return _head(self.subject, self.transition, self.production, self.policy_name, self.policy_sha256)


def findings_digest(
    subject: ContentDigest,
    transition: Transition | None,
    production: ContentDigest | None,
    policy_name: str,
    policy_sha256: str,
    findings: Iterable[Finding],
) -> str:
    """SHA-256 (hex) of what an owner sees: subject, transition, what is in production, policy, and all findings.

    Findings of the rule `approved` are left out, since each approval would change them; waived denials stand as denials.
    """
    seen = [finding.without_waiver().to_json() for finding in findings if finding.rule != APPROVAL_RULE]
    head = _head(subject, transition, production, policy_name, policy_sha256)
    return hashlib.sha256(canonical_json({**head, "findings": seen})).hexdigest()


def _head(
    subject: ContentDigest,
    transition: Transition | None,
    production: ContentDigest | None,
    policy_name: str,
    policy_sha256: str,
) -> dict[str, Any]:
    return {
        "subject": str(subject),
        "policy": {"name": policy_name, "sha256": policy_sha256},
        "transition": transition.to_json() if transition else None,
        "production": str(production) if production else None,
    }
