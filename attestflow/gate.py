"""The gate: gather the lineage, evaluate the policy, sign the verdict, obey it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attestflow.attest import Attester
from attestflow.clock import utc_now
from attestflow.digest import LISTING_MEDIA_TYPE, ContentDigest
from attestflow.documents import shown
from attestflow.errors import AttestflowError, PromotionBlocked, StoreError
from attestflow.lineage import gather
from attestflow.policy.engine import compares, evaluate, holds
from attestflow.policy.schema import Context, Policy
from attestflow.predicates import approval, vsa
from attestflow.store.interface import Store
from attestflow.subject import ResourceDescriptor
from attestflow.verdict import Finding, Rejected, Transition, Verdict
from attestflow.verification.verifier import Verifier

if TYPE_CHECKING:
    from attestflow.signing.interface import Signer

EVIDENCE_RULE = "evidence"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Found:
    """What an evaluation gave, and over which attestations."""

    findings: tuple[Finding, ...]
    rejected: tuple[Rejected, ...] = ()
    lineage: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gate:
    """Decides about one content at a time under one policy; with a `signer` (the verifier's) each verdict is signed.

    `notify` is told each signed verdict; it must not block, and decides nothing. `opa` evaluates Rego where it is given.
    """

    store: Store
    verifier: Verifier
    policy: Policy
    clock: Callable[[], datetime] = utc_now
    signer: Signer | None = None
    notify: Callable[[Verdict], None] | None = None
    opa: Path | None = None

    def check(
        self,
        content: ContentDigest,
        *,
        name: str,
        transition: Transition | None = None,
        production: ContentDigest | None = None,
        actor: str | None = None,
    ) -> Verdict:
        """The verdict on `content` for `transition`, `production` being there now. It denies whatever goes wrong.

        `actor` is who asks, as the gate's surroundings authenticated them; it is recorded and decides nothing. Passed
        and denied alike are signed as a VSA and stored where there is a signer. A verdict that passes and cannot be
        recorded is denied, for nobody could find it afterwards; a denial stays one.
        """
        now = self._now()
        found = self._findings(content, transition, production, now)
        return self._told(self._recorded(self._verdict(content, name, transition, production, actor, now, found)))

    def refuse(
        self,
        content: ContentDigest,
        finding: Finding,
        *,
        name: str,
        transition: Transition,
        production: ContentDigest | None = None,
        actor: str | None = None,
    ) -> Verdict:
        """A denial for a reason that lies outside the policy (a promotion that another one overtook), recorded as any."""
        now = self._now()
        verdict = self._verdict(content, name, transition, production, actor, now, _Found((finding,)))
        return self._told(self._recorded(replace(verdict, passed=False, enforced=True)))

    def _now(self) -> datetime:
        """Whole seconds, as they stand in the record: a replay decides by the same time."""
        return self.clock().replace(microsecond=0)

    def summary_of(self, verdict: Verdict) -> dict[str, Any]:
        """The verdict as it is signed: the predicate of a SLSA VSA, as JSON values."""
        return verdict.to_vsa(min(self.policy.expires, verdict.time + self.policy.verdict_lifetime)).to_json()

    def _verdict(
        self,
        content: ContentDigest,
        name: str,
        transition: Transition | None,
        production: ContentDigest | None,
        actor: str | None,
        now: datetime,
        found: _Found,
    ) -> Verdict:
        return Verdict(
            passed=holds(found.findings),
            enforced=self.policy.mode == "enforce",
            findings=found.findings,
            subject=content,
            subject_name=name,
            policy_name=self.policy.name,
            policy_sha256=self.policy.sha256,
            trust_root_sha256=self.verifier.trust_root.sha256,
            absence=self.policy.absence,
            time=now,
            transition=transition,
            production=production,
            rejected=found.rejected,
            actor=actor,
            lineage=found.lineage,
        )

    def _recorded(self, verdict: Verdict) -> Verdict:
        return verdict if self.signer is None else self._record(verdict, self.signer)

    def _told(self, verdict: Verdict) -> Verdict:
        """Notify; whatever goes wrong there changes no verdict."""
        if self.notify is not None and self.signer is not None:
            try:
                self.notify(verdict)
            except Exception:
                log.exception("a verdict could not be handed to the alerts")
        return verdict

    def enforce(
        self,
        content: ContentDigest,
        *,
        name: str,
        transition: Transition | None = None,
        production: ContentDigest | None = None,
        actor: str | None = None,
    ) -> Verdict:
        """`check`, and PromotionBlocked unless the verdict passed or the policy only warns."""
        verdict = self.check(content, name=name, transition=transition, production=production, actor=actor)
        if not verdict.allowed:
            raise PromotionBlocked(_summary(verdict), verdict, hint=_first_hint(verdict))
        return verdict

    def words_by(
        self, content: ContentDigest, functionary: str, transition: Transition, decision: str
    ) -> tuple[str, ...]:
        """Identities of what a functionary said about this promotion (`approved`, `rejected`), for a later word to take back."""
        lineage = gather(content, self.store, self.verifier)
        found = []
        for item in lineage.root.of_type(approval.PREDICATE_TYPE):
            said = approval.Approval.parse(item.statement.predicate)
            about = transition.same_as(said.registry, said.model, said.transition)
            if item.functionary == functionary and said.decision == decision and about:
                found.append(item.identity)
        return tuple(sorted(found))

    def _findings(
        self, content: ContentDigest, transition: Transition | None, production: ContentDigest | None, now: datetime
    ) -> _Found:
        if self.policy.expires <= now:
            finding = Finding(
                EVIDENCE_RULE, "denied", f"the policy {shown(self.policy.name)} expired", "renew and sign it"
            )
            return _Found((finding,))
        try:
            return self._evaluated(content, transition, production, now)
        except AttestflowError as exc:
            message = f"the evidence could not be gathered: {exc.message}"
            return _Found((Finding(EVIDENCE_RULE, "denied", message, exc.hint),))
        except Exception as exc:  # a gate never lets anything pass because something broke
            message = f"the evidence could not be gathered: {type(exc).__name__}"
            return _Found((Finding(EVIDENCE_RULE, "denied", message, "the gate's log says more"),))

    def _evaluated(
        self, content: ContentDigest, transition: Transition | None, production: ContentDigest | None, now: datetime
    ) -> _Found:
        lineage = gather(content, self.store, self.verifier)
        identities = lineage.identities
        predecessor = None
        if production is not None and compares(self.policy):
            predecessor = gather(production, self.store, self.verifier)
            identities = tuple(sorted({*identities, *predecessor.identities}))
        context = Context(
            now=now,
            transition=transition,
            production=production,
            policy_sha256=self.policy.sha256,
            trust_root=self.verifier.trust_root,
            policy_name=self.policy.name,
            predecessor=predecessor,
            opa=self.opa,
        )
        return _Found(evaluate(self.policy, lineage, context), lineage.rejected, identities)

    def _record(self, verdict: Verdict, signer: Signer) -> Verdict:
        tree = verdict.subject.kind == "tree"
        subject = ResourceDescriptor(
            name=verdict.subject_name.rstrip("/") + ("/" if tree else ""),
            digest={"sha256": verdict.subject.sha256},
            media_type=LISTING_MEDIA_TYPE if tree else None,
        )
        statement = self.summary_of(verdict)
        try:
            self._keep_documents()
            made = Attester(self.store, signer, self.verifier, self.clock).attest_predicate(
                [subject], vsa.PREDICATE_TYPE, statement
            )
        except (AttestflowError, OSError) as exc:
            message = exc.message if isinstance(exc, AttestflowError) else str(exc)
            finding = Finding(EVIDENCE_RULE, "denied", f"the verdict could not be recorded: {message}", _hint(exc))
            return replace(verdict, passed=False, findings=(*verdict.findings, finding))
        return replace(verdict, vsa_identity=made.identity)

    def _keep_documents(self) -> None:
        """What the verdict names by digest and a replay needs: the policy, its files, the trust root."""
        documents = [self.policy.source, self.verifier.trust_root.source]
        for data in (*documents, *(each.data for each in self.policy.attachments)):
            if data:
                self.store.put_document(data)


def _hint(exc: Exception) -> str | None:
    if isinstance(exc, StoreError) and exc.retryable:
        return exc.hint or "try again"
    return exc.hint if isinstance(exc, AttestflowError) else None


def _summary(verdict: Verdict) -> str:
    to = f" to {verdict.transition.to} of {shown(verdict.transition.model)}" if verdict.transition else ""
    reasons = "; ".join(f"{finding.rule}: {finding.message}" for finding in verdict.denials)
    return f"promotion{to} is blocked: {reasons}"


def _first_hint(verdict: Verdict) -> str | None:
    return next((finding.hint for finding in verdict.denials if finding.hint), None)
