"""The engine skips nothing: a rule that says nothing, nonsense, or breaks is a denial."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from attestflow.digest import ContentDigest
from attestflow.errors import StoreError
from attestflow.lineage import Lineage, Node
from attestflow.policy import engine
from attestflow.policy.loader import load_policy
from attestflow.policy.schema import Context
from attestflow.testing.trust import NOW, Person, new_signer, new_verifier
from attestflow.verdict import Finding

from .test_loader import GOOD

SUBJECT = ContentDigest("file", "a" * 64)
LINEAGE = Lineage(SUBJECT, {SUBJECT: Node(SUBJECT, (), 0)}, {SUBJECT: ()})


@pytest.fixture
def context() -> Context:
    people = {
        name: Person([new_signer()], ["https://example.com/x"]) for name in ("pipeline", "owner", "boss", "validation")
    }
    return Context(NOW, None, None, "b" * 64, new_verifier(people).trust_root)


class Says:
    """A rule that says what it is told to."""

    id, severity, description, remediation = "content-attested", "high", "", ""
    parameters: dict[str, Any] = {}  # noqa: RUF012 - a test double

    def __init__(self, said: Any) -> None:
        self.said = said

    def check(self, *_: Any) -> Iterator[Any]:
        if isinstance(self.said, BaseException):
            raise self.said
        yield from self.said


@pytest.mark.parametrize(
    ("said", "outcome", "words"),
    [
        ([Finding("content-attested", "passed", "fine")], "passed", "fine"),
        ([], "denied", "nothing to say"),
        (
            [Finding("content-attested", "passed", "another's word"), Finding("approved", "passed", "x")],
            "denied",
            "nothing to say",
        ),
        ([Finding("content-attested", "maybe", "hm")], "denied", "nothing to say"),  # type: ignore[arg-type]
        ([None], "denied", "failed"),
        (ZeroDivisionError(), "denied", "ZeroDivisionError"),
        (StoreError("gone", hint="mount it"), "denied", "gone"),
        (RecursionError(), "denied", "RecursionError"),
    ],
)
def test_what_a_rule_says(
    monkeypatch: pytest.MonkeyPatch, context: Context, said: Any, outcome: str, words: str
) -> None:
    policy = load_policy(GOOD.encode())
    one = replace(policy, rules=policy.rules[:1])
    monkeypatch.setattr(engine, "find_rule", lambda name, where: Says(said))
    (finding,) = engine.evaluate(one, LINEAGE, context)
    assert finding.outcome == outcome
    assert words in finding.message
    assert engine.holds((finding,)) is (outcome == "passed")


def test_no_findings_hold_nothing() -> None:
    assert not engine.holds(())


def test_somebody_whom_the_trust_root_does_not_know(context: Context) -> None:
    policy = load_policy(GOOD.replace("[pipeline]", "[pipelin]").encode())
    finding = engine.evaluate(policy, LINEAGE, context)[0]
    assert finding.outcome == "denied"
    assert "pipelin" in finding.message


def test_the_same_question_has_the_same_answer(context: Context) -> None:
    policy = load_policy(GOOD.encode())
    assert engine.evaluate(policy, LINEAGE, context) == engine.evaluate(policy, LINEAGE, context)
