"""Recorded decisions: which one stands, whatever the store holds beside it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestflow.attest import Attester
from attestflow.decisions import Decision, decisions, last_allowed, standing
from attestflow.digest import ContentDigest
from attestflow.errors import MalformedStatement, StoreError
from attestflow.names import fold
from attestflow.predicates import approval, vsa
from attestflow.signing.key import KeySigner
from attestflow.statement import Statement
from attestflow.store.folder import FolderStore
from attestflow.store.layout import bundle_key, transition_prefix
from attestflow.subject import ResourceDescriptor
from attestflow.testing.trust import NOW, Person, new_signer, new_verifier
from attestflow.verdict import Finding, Transition, Verdict
from attestflow.verification.verifier import Verifier

ONE, TWO = ContentDigest("file", "1" * 64), ContentDigest("file", "2" * 64)
ABOUT = Transition("reg", "churn", "alias:production")
BAD = (Finding("ml-bom", "denied", "none"),)
UNAPPROVED = (Finding("approved", "denied", "not approved by owner"),)
RACE = (Finding("gate", "denied", "another promotion came first"),)


class Records:
    """A store, and verdicts put into it."""

    def __init__(self, folder: Path) -> None:
        self.store = FolderStore(folder / "store", create=True)
        self.signer: KeySigner = new_signer()
        self.owner: KeySigner = new_signer()
        people = {
            "verifier": Person([self.signer], [vsa.PREDICATE_TYPE]),
            "owner": Person([self.owner], [approval.PREDICATE_TYPE]),
        }
        self.verifier: Verifier = new_verifier(people)

    def put(self, passed: bool = True, content: ContentDigest = ONE, *, ago: int = 100, **changes: Any) -> str:
        """A verdict of `ago` seconds before NOW."""
        expires: datetime = changes.pop("expires", NOW + timedelta(days=1))
        findings = () if passed else BAD
        verdict = Verdict(
            passed, True, findings, content, "m", "production", "a" * 64, "b" * 64, "accepted", NOW, ABOUT
        )
        verdict = replace(verdict, time=NOW - timedelta(seconds=ago), **changes)
        subject = ResourceDescriptor(name="m", digest={"sha256": content.sha256})
        attester = Attester(self.store, self.signer, None, lambda: NOW)
        return attester.attest_predicate([subject], vsa.PREDICATE_TYPE, verdict.to_vsa(expires).to_json()).identity

    def said(self, decision: str) -> str:
        """An owner's approval or rejection; its identity."""
        each = approval.Approval(
            decision, "reg", "churn", "alias:production", None, "a" * 64, "0" * 64, "2026-06-02T12:00:00Z"
        )
        subject = ResourceDescriptor(name="m", digest={"sha256": ONE.sha256})
        attester = Attester(self.store, self.owner, None, lambda: NOW)
        return attester.attest_predicate([subject], approval.PREDICATE_TYPE, each.to_json()).identity

    @property
    def state(self) -> str:
        return standing(ONE, ABOUT, "production", self.store, self.verifier, NOW).state


@pytest.fixture
def records(tmp_path: Path) -> Records:
    return Records(tmp_path)


def test_none_and_passed(records: Records) -> None:
    assert records.state == "none"
    identity = records.put()
    found = standing(ONE, ABOUT, "production", records.store, records.verifier, NOW)
    assert (found.state, found.decision and found.decision.identity) == ("passed", identity)


@pytest.mark.parametrize(
    "changes",
    [
        {"content": TWO},
        {"policy_name": "other"},
        {"transition": Transition("elsewhere", "churn", "alias:production")},
        {"transition": Transition("reg", "other", "alias:production")},
        {"transition": Transition("reg", "churn", "stage:production")},
        {"transition": None},
        {"ago": -61},
    ],
)
def test_a_decision_about_something_else(records: Records, changes: dict[str, Any]) -> None:
    records.put(**changes)
    assert records.state == "none"


def test_a_look_alike_is_the_same_transition(records: Records) -> None:
    records.put(transition=Transition("reg", "churn", "alias:Ｐroduction"))
    assert records.state == "passed"


def test_expired_denied_warned(records: Records) -> None:
    records.put(ago=100, expires=NOW)
    assert records.state == "expired"
    records.put(False, ago=90)
    assert records.state == "denied"
    records.put(False, ago=80, enforced=False)
    assert records.state == "warned"
    records.put(ago=70)
    assert records.state == "passed"


def test_what_says_nothing_about_the_bytes_withdraws_nothing(records: Records) -> None:
    records.put(False, ago=200, findings=UNAPPROVED)
    assert records.state == "denied"  # nothing had passed before
    records.put(ago=100)
    good = records.said("approved")
    spent = (Finding("approved", "denied", "for another predecessor", evidence=(good,)),)
    for ago, findings in ((90, UNAPPROVED), (80, RACE), (70, spent)):
        records.put(False, ago=ago, findings=findings, production=ONE)
        assert records.state == "passed"


@pytest.mark.parametrize("what", ["rejection", "gone", "empty", "both"])
def test_what_does_withdraw(records: Records, what: str) -> None:
    records.put(ago=100)
    findings: dict[str, tuple[Finding, ...]] = {
        "rejection": (Finding("approved", "denied", "no", evidence=(records.said("rejected"),)),),
        "gone": (Finding("approved", "denied", "no", evidence=("c" * 64,)),),
        "empty": (),
        "both": UNAPPROVED + BAD,
    }
    records.put(False, ago=50, findings=findings[what], production=ONE)
    assert records.state == "denied"


def test_within_one_second_what_found_it_in_production_came_after(records: Records) -> None:
    records.put(ago=100)
    records.put(False, ago=100)
    assert records.state == "passed"
    records.put(False, ago=100, production=ONE)
    assert records.state == "denied"


def test_pointers_alone_prove_nothing(records: Records) -> None:
    identity = records.put()
    prefix = transition_prefix("reg", "churn", "alias:production")
    for end in (
        f"20260601T120000Z-file-{TWO.sha256}-{identity}",
        f"20260601T120000Z-file-{ONE.sha256}-{'d' * 64}",
        f"20260601T115900Z-file-{ONE.sha256}-{identity}",
        "junk",
    ):
        records.store._write(f"{prefix}/{end}", b"")
    stored = records.store.bundle(ONE, vsa.PREDICATE_TYPE, identity)
    assert stored is not None
    records.store._write(bundle_key(TWO, vsa.PREDICATE_TYPE, identity), stored.raw)
    time = records.store.find_by_transition("reg", "churn", "alias:production")[-1].time
    records.store._write(f"{prefix}/{time}-file-{TWO.sha256}-{identity}", b"")
    assert standing(TWO, ABOUT, "production", records.store, records.verifier, NOW).state == "none"
    assert records.state == "passed"
    found, rejected = decisions(ABOUT, records.store, records.verifier)
    assert [each.identity for each in found] == [identity]
    assert len(rejected) == 4


def test_too_much_raises_and_shortens_nothing(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    for ago in range(100, 104):
        records.put(False, ago=ago, findings=UNAPPROVED)
    monkeypatch.setattr("attestflow.decisions.MAX_READ", 3)
    with pytest.raises(StoreError, match="more than 3 decisions"):
        _ = records.state
    with pytest.raises(StoreError):
        decisions(ABOUT, records.store, records.verifier)


def test_the_order_within_a_second_is_the_chain(records: Records) -> None:
    chain = [(False, ONE, None), (True, ONE, None), (True, TWO, ONE), (True, ONE, TWO)]
    for passed, content, production in reversed(chain):
        records.put(passed, content, production=production)
    found, _ = decisions(ABOUT, records.store, records.verifier)
    assert [(each.passed, each.subject, each.production) for each in found] == chain


def test_the_last_allowed(records: Records) -> None:
    records.put(ago=50)
    records.put(False, ago=40)
    records.put(ago=30, content=TWO, transition=Transition("reg", "churn", "alias:Production"))
    (last,) = last_allowed(ABOUT, "production", records.store, records.verifier)
    assert last.subject == ONE
    assert last_allowed(ABOUT, "other", records.store, records.verifier) == ()


def test_a_summary_of_another_tool_is_filed_and_is_no_decision(records: Records) -> None:
    subject = ResourceDescriptor(name="m", digest={"sha256": ONE.sha256})
    said = Verdict(True, True, (), ONE, "m", "p", "a" * 64, "b" * 64, "accepted", NOW, ABOUT).to_vsa(NOW).to_json()
    others: list[dict[str, Any]] = [
        {"verifier": {"id": "https://example.com"}},
        {"resourceUri": "x"},
        {"attestflow_verdict": {}},
    ]
    for changes in others:
        bundle = records.signer.sign(Statement.build([subject], vsa.PREDICATE_TYPE, {**said, **changes}))
        records.store.put(bundle)
        with pytest.raises(MalformedStatement):
            Decision.of(records.verifier.verify(bundle))
    records.store.put(records.signer.sign(Statement.build([subject], vsa.PREDICATE_TYPE, {"what": "ever"})))
    assert records.state == "none"


@given(st.text(max_size=30))
def test_the_store_folds_as_the_verdict_does(text: str) -> None:
    assert transition_prefix("r", "m", text) == transition_prefix("r", "m", fold(text))


def test_names_do_not_run_into_each_other() -> None:
    names = ["a", "b", "ab"]
    assert len({transition_prefix(*each) for each in permutations(names)}) == 6
    assert transition_prefix("a", "bc", "d") != transition_prefix("ab", "c", "d")


@pytest.mark.parametrize(
    "about",
    [
        Transition("elsewhere", "churn", "alias:production"),
        Transition("reg", "other", "alias:production"),
        Transition("reg", "churn", "stage:production"),
    ],
)
def test_a_verdict_filed_under_another_transition(records: Records, about: Transition) -> None:
    identity = records.put(transition=about)
    (pointer,) = records.store.find_by_transition(about.registry, about.model, about.to)
    prefix = transition_prefix("reg", "churn", "alias:production")
    records.store._write(f"{prefix}/{pointer.time}-file-{ONE.sha256}-{identity}", b"")
    assert records.state == "none"
    assert last_allowed(ABOUT, "production", records.store, records.verifier) == ()
