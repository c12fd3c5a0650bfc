"""Rule `approved`: people who did not make the model approved this very promotion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from attestflow.clock import parse_time
from attestflow.lineage import Lineage
from attestflow.policy.makers import makers
from attestflow.policy.rules.common import BY, created_on
from attestflow.policy.schema import Context, Parameter
from attestflow.predicates import approval
from attestflow.predicates.approval import Approval
from attestflow.verdict import APPROVAL_RULE, Finding
from attestflow.verification.verifier import VerifiedStatement


class Approved:
    """`count` functionaries of `by`, none of whom made the model, approved this model, transition, predecessor and policy."""

    id = APPROVAL_RULE
    severity: Literal["high", "medium"] = "high"
    description = "Enough owners, none of whom made the model, approved this very promotion."
    remediation = "Ask an owner: attestflow approve TARGET --for models:/NAME --to ALIAS"
    parameters: Mapping[str, Parameter] = {
        "by": BY,
        "count": Parameter("count", "how many of them must approve", False, default=1),
        "sawEverything": Parameter(
            "flag", "whether an approval counts only if its owner saw exactly what the other rules find now", False
        ),
    }

    def check(self, lineage: Lineage, context: Context, parameters: Mapping[str, Any]) -> Iterator[Finding]:
        subject = str(lineage.subject)
        if context.transition is None:
            message = "an approval is for one promotion, and none was named"
            yield Finding(self.id, "denied", message, "give --for models:/NAME and --to ALIAS", subject)
            return
        transition = context.transition
        taken_back = _revocations(lineage)
        said = [
            (item, Approval.parse(item.statement.predicate))
            for item in lineage.root.of_type(approval.PREDICATE_TYPE)
            if item.functionary in parameters["by"]
        ]
        about = [(item, each) for item, each in said if transition.same_as(each.registry, each.model, each.transition)]
        standing = _standing_rejections(about)
        for item, each in standing:
            reason = f": {each.reason}" if each.reason else ""
            hint = f"{item.functionary} may approve later, which lifts it"
            yield Finding(self.id, "denied", f"{item.functionary} rejected it{reason}", hint, subject, (item.identity,))
        good: dict[str, str] = {}
        objections: list[str] = []
        revoked: list[str] = []
        for item, each in said:
            if each.decision != "approved":
                continue
            objection = _objection(item, each, lineage, context)
            revocation = taken_back.get((item.functionary, item.identity))
            if revocation is not None and transition.same_as(each.registry, each.model, each.transition):
                objection = "it was revoked"
                revoked.append(revocation)
            if objection is None and parameters["sawEverything"] and each.verdict != context.seen:
                objection = "what the gate finds is not what its owner saw"
            if objection is None:
                good[item.functionary] = item.identity
            else:
                objections.append(f"the approval by {item.functionary} does not count: {objection}")
        yield from self._counted(good, objections, revoked, parameters, subject)

    def _counted(
        self,
        good: Mapping[str, str],
        objections: list[str],
        revoked: list[str],
        parameters: Mapping[str, Any],
        subject: str,
    ) -> Iterator[Finding]:
        count = parameters["count"]
        if len(good) >= count:
            message = f"approved by {', '.join(sorted(good))}"
            yield Finding(self.id, "passed", message, None, subject, tuple(good.values()))
            return
        why = "; ".join(sorted(set(objections))[:3])
        have = (
            f"{len(good)} of {count} approvals" if good else "not approved" if count == 1 else f"0 of {count} approvals"
        )
        message = f"{have} by {' or '.join(parameters['by'])}{'; ' + why if why else ''}"
        yield Finding(self.id, "denied", message, self.remediation, subject, (*good.values(), *revoked))


def _revocations(lineage: Lineage) -> dict[tuple[str, str], str]:
    """By functionary and identity of an approval that its own signer took back, the identity of the revocation."""
    said = [(item, Approval.parse(item.statement.predicate)) for item in lineage.root.of_type(approval.PREDICATE_TYPE)]
    return {
        (item.functionary, identity): item.identity
        for item, each in said
        if each.decision == "revoked"
        for identity in each.supersedes
    }


def _standing_rejections(
    about: list[tuple[VerifiedStatement, Approval]],
) -> list[tuple[VerifiedStatement, Approval]]:
    """Rejections that no later approval of the same functionary names; an expired rejection stands all the same."""
    lifted = {
        (item.functionary, identity)
        for item, each in about
        if each.decision == "approved"
        for identity in each.supersedes
    }
    return [
        (item, each)
        for item, each in about
        if each.decision == "rejected" and (item.functionary, item.identity) not in lifted
    ]


def _objection(item: VerifiedStatement, each: Approval, lineage: Lineage, context: Context) -> str | None:
    """Why an approval does not count, None where it does."""
    transition, signed = context.transition, created_on(item, lineage.subject)
    if item.functionary in makers(lineage):
        return "who made the model cannot approve it"
    if transition is None or not transition.same_as(each.registry, each.model, each.transition):
        return f"it is for {each.model} to {each.transition} in {each.registry}"
    if each.policy != context.policy_sha256:
        return "it was given under another policy"
    if each.production != (str(context.production) if context.production else None):
        return "something else was in production when it was given"
    if parse_time(each.expires) <= context.now:
        return f"it expired on {each.expires}"
    if signed is None or context.is_future(signed):
        return "it states no time, or one in the future"
    return None


rule = Approved()
