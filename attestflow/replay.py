"""Replaying a verdict: the same policy and trust root over the same evidence at the same time must say the same, bit for bit."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from attestflow.bundle import Bundle
from attestflow.clock import parse_time
from attestflow.digest import ContentDigest
from attestflow.documents import canonical_json, shown
from attestflow.errors import AttestflowError, ConfigurationError, MalformedStatement
from attestflow.gate import EVIDENCE_RULE, Gate
from attestflow.policy.loader import load_policy
from attestflow.policy.schema import Policy, Transition
from attestflow.predicates import vsa
from attestflow.statement import Statement
from attestflow.store.interface import NamedPointer, Store, StoredBundle
from attestflow.store.layout import compact_time
from attestflow.verdict import GATE_RULE, VERIFIER_ID, Verdict
from attestflow.verification.trust_root import TrustRoot
from attestflow.verification.verifier import VerifiedStatement, Verifier


@dataclass(frozen=True, slots=True)
class Replayed:
    """A recorded verdict and the one that a replay reached (None: none could be); `changes` says what is not as it was.

    `same` is true when the two summaries are the same bytes.
    """

    identity: str
    recorded: vsa.Vsa
    verdict: Verdict | None
    same: bool
    changes: tuple[str, ...]


def replay(raw: bytes, store: Store, verifier: Verifier) -> Replayed:
    """Replay the verdict in a bundle. Evidence that was not there then is left out, as are later policies and trust roots.

    Raises VerificationError where the bundle is no verdict that verifies now, StoreError where the store cannot be read.
    """
    verified = verifier.verify(raw)
    if verified.statement.predicate_type != vsa.PREDICATE_TYPE:
        raise MalformedStatement("it is no verification summary, so there is nothing to replay")
    recorded = vsa.Vsa.parse(verified.statement.predicate)
    if recorded.verifier_id != VERIFIER_ID:
        raise MalformedStatement(f"it is the verdict of {shown(recorded.verifier_id)}, which is no gate of ours")
    missing = tuple(_missing(recorded, store))
    try:
        policy, root = _policy(recorded, store), _trust_root(recorded, store)
    except ConfigurationError as exc:
        return Replayed(verified.identity, recorded, None, False, (*missing, exc.message))
    return _compared(verified, recorded, _evaluated(verified, recorded, policy, root, store), missing)


def _evaluated(
    verified: VerifiedStatement, recorded: vsa.Vsa, policy: Policy, root: TrustRoot, store: Store
) -> tuple[Gate, Verdict]:
    said = recorded.extension
    moment = parse_time(recorded.time_verified)
    then = _StoreThen(store, frozenset(recorded.input_attestations), moment)
    gate = Gate(then, Verifier(root, lambda: moment), policy, lambda: moment)
    asked, production = said.get("transition"), said.get("production")
    (content,) = verified.statement.contents()
    verdict = gate.check(
        content,
        name=str(said.get("name") or ""),
        transition=_transition(asked),
        production=ContentDigest.parse(production) if isinstance(production, str) else None,
        actor=said.get("actor"),
    )
    return gate, verdict


def _transition(asked: object) -> Transition | None:
    names = [asked.get(key) for key in ("registry", "model", "to")] if isinstance(asked, Mapping) else []
    if asked is not None and not (names and all(isinstance(name, str) and name for name in names)):
        raise MalformedStatement("its transition names no registry, model and alias or stage")
    return Transition(*map(str, names)) if names else None


def _compared(
    verified: VerifiedStatement, recorded: vsa.Vsa, reached: tuple[Gate, Verdict], missing: tuple[str, ...]
) -> Replayed:
    gate, verdict = reached
    then, now = dict(verified.statement.predicate), gate.summary_of(verdict)
    if canonical_json(then) == canonical_json(now):
        return Replayed(verified.identity, recorded, verdict, True, missing)
    changes = [*missing, *_different(recorded, now)]
    return Replayed(verified.identity, recorded, verdict, False, tuple(changes))


def _missing(recorded: vsa.Vsa, store: Store) -> Iterator[str]:
    """Attestations that the verdict rests on and that the store no longer has."""
    subject = ContentDigest.parse(recorded.resource_uri)
    here = {
        Bundle.parse(each.raw).identity
        for each in store.attestations(subject, skip=(vsa.PREDICATE_TYPE,))
        if _is_bundle(each)
    }
    of_subject = {
        str(identity)
        for finding in recorded.extension.get("findings") or ()
        if isinstance(finding, Mapping) and finding.get("subject") == recorded.resource_uri
        for identity in finding.get("evidence") or ()
    }
    for identity in sorted(of_subject - here):
        yield f"the attestation {identity} about the model, which the verdict rests on, is no longer in the store"


def _is_bundle(stored: StoredBundle) -> bool:
    try:
        Bundle.parse(stored.raw)
    except AttestflowError:
        return False
    return True


def _different(recorded: vsa.Vsa, now: Mapping[str, Any]) -> Iterator[str]:
    """What the replay says otherwise, finding by finding."""
    before = [each for each in recorded.extension.get("findings") or () if isinstance(each, Mapping)]
    after = now[vsa.EXTENSION]["findings"]
    if any(each.get("rule") in (GATE_RULE, EVIDENCE_RULE) for each in before):
        yield "it was decided by what happened at the gate then (another promotion, a store that failed), not by evidence"
    for finding in before:
        if finding not in after:
            yield f"then: {finding.get('rule')} {finding.get('outcome')}: {finding.get('message')}"
    for finding in after:
        if finding not in before:
            yield f"now: {finding['rule']} {finding['outcome']}: {finding['message']}"
    gone = sorted(
        set(recorded.input_attestations) - {each["digest"][vsa.IDENTITY_ALGORITHM] for each in now["inputAttestations"]}
    )
    for identity in gone:
        yield f"the attestation {identity} of the lineage was not found"
    if recorded.result != now["verificationResult"]:
        yield f"the result was {recorded.result} and is {now['verificationResult']}"


def _policy(recorded: vsa.Vsa, store: Store) -> Policy:
    return load_policy(
        _document(store, recorded.policy_sha256, f"the policy {shown(recorded.policy_uri)}"),
        lambda name, sha256: _document(store, sha256, f"the file {shown(name)} of the policy"),
    )


def _trust_root(recorded: vsa.Vsa, store: Store) -> TrustRoot:
    return TrustRoot.parse(_document(store, str(recorded.extension.get("trustRoot")), "the trust root"))


def _document(store: Store, sha256: str, what: str) -> bytes:
    found = store.document(sha256)
    if found is None:
        raise ConfigurationError(f"{what} of then (sha256:{sha256}) is not in the store")
    return found


class _StoreThen(Store):
    """A store as it was: the attestations that the verdict names, and about other contents those older than it."""

    def __init__(self, store: Store, identities: Collection[str], moment: datetime) -> None:
        super().__init__(store.url, store.limits)
        self._store = store
        self._identities = identities
        self._moment = moment

    def attestations(
        self, content: ContentDigest, predicate_type: str | None = None, *, skip: Collection[str] = ()
    ) -> Iterator[StoredBundle]:
        """Those that the verdict names; where it names none about this content, those that state an earlier time."""
        found = [each for each in self._store.attestations(content, predicate_type, skip=skip) if _is_bundle(each)]
        named = [each for each in found if Bundle.parse(each.raw).identity in self._identities]
        yield from named or (each for each in found if self._is_older(each))

    def find_by_name(self, name: str) -> tuple[NamedPointer, ...]:
        """Pointers of then: they only explain."""
        from attestflow.clock import format_time

        limit = compact_time(format_time(self._moment))
        return tuple(each for each in self._store.find_by_name(name) if each.created_on <= limit)

    def _is_older(self, stored: StoredBundle) -> bool:
        try:
            statement = Statement.parse(Bundle.parse(stored.raw).envelope.payload)
            stated = statement.subjects[0].annotations.get("createdOn")
            return isinstance(stated, str) and parse_time(stated) <= self._moment
        except AttestflowError:
            return False

    def _write(self, key: str, data: bytes) -> None:
        raise ConfigurationError("a replay writes nothing")

    def _read(self, key: str, limit: int) -> bytes | None:
        return self._store._read(key, limit)

    def _list(self, prefix: str, limit: int, left_out: frozenset[str] = frozenset()) -> list[str]:
        return self._store._list(prefix, limit, left_out)

    def _walk(self, prefix: str) -> Iterator[str]:
        return self._store._walk(prefix)

    def _remove(self, key: str) -> None:
        raise ConfigurationError("a replay removes nothing")
