"""Decisions that gates recorded (signed VSAs), found again and verified: which one stands for some bytes now?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Literal

from attestflow.clock import parse_time
from attestflow.digest import ContentDigest
from attestflow.documents import shown
from attestflow.errors import AttestflowError, MalformedStatement, StoreError, VerificationError
from attestflow.predicates import approval, vsa
from attestflow.statement import Statement
from attestflow.store.interface import DecisionPointer, Store
from attestflow.store.layout import compact_time
from attestflow.verdict import APPROVAL_RULE, GATE_RULE, VERIFIER_ID, Rejected, Transition
from attestflow.verification.verifier import VerifiedStatement, Verifier

State = Literal["passed", "warned", "expired", "denied", "none"]
LEEWAY = timedelta(minutes=1)
MAX_READ = 10_000
_NOT_ABOUT_BYTES = frozenset({APPROVAL_RULE, GATE_RULE})


@dataclass(frozen=True, slots=True)
class Decision:
    """One verdict of a gate about one promotion, as the verifier's signature vouches for it.

    `passed` is what the rules said, `enforced` false where the policy only warned; `production` is what the alias or stage
    held when it was asked; `evidence` are the identities of what it rests on, `findings` as in the verdict's JSON.
    """

    identity: str
    functionary: str
    time: datetime
    expires: datetime
    passed: bool
    enforced: bool
    policy: str
    policy_sha256: str
    subject: ContentDigest
    transition: Transition
    production: ContentDigest | None
    actor: str | None
    evidence: tuple[str, ...]
    findings: tuple[Mapping[str, Any], ...]
    name: str = ""
    trust_root_sha256: str = ""

    @property
    def allowed(self) -> bool:
        """Whether the gate let it through."""
        return self.passed or not self.enforced

    @property
    def denials(self) -> tuple[Mapping[str, Any], ...]:
        """The findings that denied."""
        return tuple(each for each in self.findings if each.get("outcome") == "denied")

    @property
    def waived(self) -> tuple[str, ...]:
        """What somebody's exception waived, for people: rule, who, until when, why."""
        found = [(each, each["waiver"]) for each in self.findings if isinstance(each.get("waiver"), Mapping)]
        return tuple(
            f"{each.get('rule')} waived by {waiver.get('by')} until {waiver.get('expires')}: {waiver.get('reason')}"
            for each, waiver in found
        )

    @classmethod
    def of(cls, verified: VerifiedStatement) -> Decision:
        """Read a verified VSA; MalformedStatement for one that is no gate's verdict about a promotion."""
        statement = verified.statement
        if statement.predicate_type != vsa.PREDICATE_TYPE:
            raise MalformedStatement("it is no verification summary")
        said = vsa.Vsa.parse(statement.predicate)
        (subject,) = statement.contents()
        extension = said.extension
        if said.verifier_id != VERIFIER_ID or said.resource_uri != str(subject):
            raise MalformedStatement("it is not the verdict of a gate of ours about its own subject")
        findings = extension.get("findings")
        if not isinstance(findings, list) or not all(isinstance(each, Mapping) for each in findings):
            raise MalformedStatement("its findings are no list of objects")
        if not isinstance(extension.get("enforced"), bool):
            raise MalformedStatement("it does not say whether it was enforced")
        return cls(
            identity=verified.identity,
            functionary=verified.functionary,
            time=parse_time(said.time_verified, "timeVerified"),
            expires=parse_time(extension.get("expires"), "expires"),
            passed=said.result == "PASSED",
            enforced=bool(extension["enforced"]),
            policy=said.policy_uri,
            policy_sha256=said.policy_sha256,
            subject=subject,
            transition=_transition(extension.get("transition")),
            production=_content(extension.get("production")),
            actor=_text_or_none(extension.get("actor")),
            evidence=said.input_attestations,
            findings=tuple(findings),
            name=_text_or_none(extension.get("name")) or "",
            trust_root_sha256=_text_or_none(extension.get("trustRoot")) or "",
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """What the record says about bytes that hold an alias or a stage, under one policy.

    `state`: `passed`; `warned`, let through by a policy that only warned; `expired`; `denied`, the last verdict was no;
    `none`, no gate ever decided. `decision` is the one that says so.
    """

    state: State
    decision: Decision | None = None


def standing(
    content: ContentDigest, transition: Transition, policy: str, store: Store, verifier: Verifier, now: datetime
) -> Standing:
    """Which recorded decision stands for exactly these bytes, this registry, model and transition, and a policy of that name.

    The newest decides: a denial of later on withdraws what had passed, unless it lacked nothing but approvals, and no owner
    rejected it. Whoever checks what is in production gets such a denial, since its approvals were for getting it there.
    Raises StoreError when the store cannot be read, or holds more than can be looked at.
    """
    passed_over = None
    for decision in _newest_first(content, transition, policy, store, verifier, now):
        if _withdraws_nothing(decision, store):
            passed_over = passed_over or decision
            continue
        return _standing(decision, now)
    return Standing("none") if passed_over is None else _standing(passed_over, now)


def last_allowed(transition: Transition, policy: str, store: Store, verifier: Verifier) -> tuple[Decision, ...]:
    """The newest decisions of that policy that let something get exactly this alias or stage (by the letter, not folded).

    More than one where they fell into one second. Raises StoreError when the store cannot be read, or holds more than can
    be looked at.
    """
    pointers = store.find_by_transition(transition.registry, transition.model, transition.to)
    read = 0
    for _, same_second in groupby(pointers, key=lambda pointer: pointer.time):
        found = []
        for pointer in same_second:
            read += 1
            _bounded(read, store)
            try:
                decision = _read(pointer, transition, store, verifier)
            except VerificationError:
                continue
            if decision.policy == policy and decision.allowed and decision.transition.to == transition.to:
                found.append(decision)
        if found:
            return tuple(found)
    return ()


def decisions(
    transition: Transition, store: Store, verifier: Verifier
) -> tuple[tuple[Decision, ...], tuple[Rejected, ...]]:
    """Every recorded decision about a transition, the oldest first, and what does not count with the reason.

    Raises StoreError when the store cannot be read, or holds more than can be looked at.
    """
    found, rejected = [], []
    pointers = store.find_by_transition(transition.registry, transition.model, transition.to)
    _bounded(len(pointers), store)
    for pointer in pointers:
        try:
            found.append(_read(pointer, transition, store, verifier))
        except VerificationError as exc:
            rejected.append(Rejected(f"decision {pointer.identity}", exc.message))
    return tuple(_in_order(found)), tuple(rejected)


def _in_order(found: list[Decision]) -> Iterator[Decision]:
    """The oldest first. Times are whole seconds: within one, each follows the one whose outcome it found in production."""
    there: ContentDigest | None = None
    ordered = sorted(found, key=lambda each: (_compact(each.time), each.allowed, each.identity))
    for _, same_second in groupby(ordered, key=lambda each: _compact(each.time)):
        waiting = list(same_second)
        while waiting:
            following = next((each for each in waiting if each.production == there), waiting[0])
            waiting.remove(following)
            if following.allowed:
                there = following.subject
            yield following


def _newest_first(
    content: ContentDigest, transition: Transition, policy: str, store: Store, verifier: Verifier, now: datetime
) -> Iterator[Decision]:
    pointers = store.find_by_transition(transition.registry, transition.model, transition.to)
    wanted = [pointer for pointer in pointers if pointer.content == content]
    read = 0
    for _, same_second in groupby(wanted, key=lambda pointer: pointer.time):
        found = []
        for pointer in same_second:
            read += 1
            _bounded(read, store)
            try:
                decision = _read(pointer, transition, store, verifier)
            except VerificationError:
                continue  # counts as absent, as it does for the gate
            if decision.policy == policy and decision.time <= now + LEEWAY:
                found.append(decision)
        # Within a second: asked about when in production comes after promoted; then what had passed.
        yield from sorted(found, key=lambda each: (_after_taking_effect(each), each.allowed), reverse=True)


def _read(pointer: DecisionPointer, transition: Transition, store: Store, verifier: Verifier) -> Decision:
    """What a pointer leads to, if it is what the pointer says; VerificationError otherwise."""
    stored = store.bundle(pointer.content, vsa.PREDICATE_TYPE, pointer.identity)
    if stored is None:
        raise MalformedStatement("a pointer names it, and it is not in the store")
    decision = Decision.of(verifier.verify(stored.raw))
    about = decision.transition
    same = transition.same_as(about.registry, about.model, about.to) and decision.subject == pointer.content
    if not same or decision.identity != pointer.identity or _compact(decision.time) != pointer.time:
        raise MalformedStatement("it is about something else than what it was filed under")
    return decision


def _standing(decision: Decision, now: datetime) -> Standing:
    if not decision.allowed:
        return Standing("denied", decision)
    if decision.expires <= now:
        return Standing("expired", decision)
    return Standing("passed" if decision.passed else "warned", decision)


def _after_taking_effect(decision: Decision) -> bool:
    return decision.production == decision.subject


def _withdraws_nothing(decision: Decision, store: Store) -> bool:
    """Whether a denial says nothing bad about the bytes: another promotion came first, or approvals lack or are spent.

    An approval is for one promotion, at one time, with one predecessor: asked again once that is done, it does not count.
    """
    return not decision.passed and lacks_approvals_alone(decision.denials, decision.subject, store)


def lacks_approvals_alone(denials: Sequence[Mapping[str, Any]], subject: ContentDigest, store: Store) -> bool:
    """Whether these denials (as in a verdict's JSON; at least one) are for approvals that lack or are spent, and nothing else.

    A rejection and a revocation are something else. Raises StoreError.
    """
    if not denials or any(finding.get("rule") not in _NOT_ABOUT_BYTES for finding in denials):
        return False
    named = [identity for finding in denials for identity in finding.get("evidence") or ()]
    return all(_is_approval(str(identity), subject, store) for identity in named)


def _is_approval(identity: str, content: ContentDigest, store: Store) -> bool:
    """Whether that attestation approves, and does not reject. The gate verified it; its identity is of its bytes."""
    from attestflow.bundle import Bundle

    try:
        stored = store.bundle(content, approval.PREDICATE_TYPE, identity)
        if stored is None:
            return False
        bundle = Bundle.parse(stored.raw)
        said = approval.Approval.parse(Statement.parse(bundle.envelope.payload).predicate)
    except StoreError:
        raise
    except AttestflowError:
        return False
    return bundle.identity == identity and said.decision == "approved"


def _bounded(count: int, store: Store) -> None:
    if count > MAX_READ:
        raise StoreError(
            f"{store.url}: more than {MAX_READ} decisions about one alias or stage",
            hint="somebody may have flooded the store: remove what does not verify",
        )


def _compact(moment: datetime) -> str:
    from attestflow.clock import format_time

    return compact_time(format_time(moment))


def _transition(value: object) -> Transition:
    if not isinstance(value, Mapping):
        raise MalformedStatement("it names no transition")
    names = [value.get(key) for key in ("registry", "model", "to")]
    if not all(isinstance(name, str) and name for name in names):
        raise MalformedStatement("its transition names no registry, model and alias or stage")
    return Transition(*map(str, names))


def _content(value: object) -> ContentDigest | None:
    if value is None:
        return None
    try:
        return ContentDigest.parse(str(value))
    except AttestflowError:
        raise MalformedStatement(f"what was in production is {shown(value)}, no digest") from None


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
