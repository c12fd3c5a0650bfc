"""Attacks on exceptions, break-glass and revocations. Each passes (or is waived) without its attack."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from attestflow.clock import format_time
from attestflow.digest import ContentDigest
from attestflow.predicates.exception import PREDICATE_TYPE, PromotionException
from attestflow.testing.trust import Person, new_signer
from attestflow.verdict import EXCEPTED_LEVEL, Verdict

from .conftest import Pipeline

GLASS = "breakGlass: {by: [oncall, pipeline], maxLifetime: 4h, never: [content-attested]}\n"


@pytest.fixture
def story(pipeline: Pipeline) -> Pipeline:
    """A model whose data nobody validated and that nobody approved, under a policy with break-glass."""
    pipeline.policy = pipeline.policy.replace("rules:\n", GLASS + "rules:\n", 1)
    pipeline.people["oncall"] = Person([new_signer()], [PREDICATE_TYPE])
    for step in (pipeline.attest_data, pipeline.train, pipeline.bom):
        step()
    return pipeline


def waive(story: Pipeline, who: str = "oncall", *, hours: float = 3, **changes: Any) -> str:
    transition = story.transition
    assert transition is not None
    said = PromotionException(
        registry=transition.registry,
        model=transition.model,
        transition=transition.to,
        production=None,
        policy=story.loaded().sha256,
        rules=("data-validated", "approved"),
        expires=format_time(story.now + timedelta(hours=hours)),
        reason="fraud wave; see incident 1207",
    )
    return story.report(PREDICATE_TYPE, replace(said, **changes).to_json(), who=who)


def objections(verdict: Verdict) -> list[str]:
    return [finding.message for finding in verdict.findings if finding.rule == "break-glass"]


def test_break_glass_passes_and_is_loud(story: Pipeline) -> None:
    assert not story.verdict().passed
    identity = waive(story)
    verdict = story.passes()
    assert {finding.rule for finding in verdict.excepted} == {"data-validated", "approved"}
    for finding in verdict.excepted:
        assert finding.waiver is not None
        assert (finding.waiver.by, finding.waiver.identity) == ("oncall", identity)
        assert "incident 1207" in finding.waiver.reason
    vsa = verdict.to_vsa(story.now + timedelta(days=90))
    assert vsa.verified_levels == (EXCEPTED_LEVEL,)
    assert vsa.extension["expires"] == format_time(story.now + timedelta(hours=3))  # what was let in goes with it
    assert identity in vsa.input_attestations


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hours": 5}, "lasts longer than the policy allows"),
        ({"hours": -1}, "it expired on"),
        ({"model": "other"}, "it is for other"),
        ({"registry": "elsewhere"}, "in elsewhere"),
        ({"transition": "alias:staging"}, "alias:staging"),
        ({"policy": "0" * 64}, "under another policy"),
        ({"production": f"file:sha256:{'1' * 64}"}, "something else was in production"),
        ({"who": "pipeline"}, "who made the model cannot waive"),
        ({"who": "owner"}, "only oncall or pipeline may"),
    ],
)
def test_an_exception_that_does_not_count(story: Pipeline, changes: dict[str, Any], words: str) -> None:
    """For another promotion, too long, too old, by who may not, by who made the model."""
    waive(story, **changes)
    verdict = story.verdict()
    assert not verdict.passed
    assert any(words in each for each in objections(verdict)), objections(verdict)


def test_an_exception_wears_off(story: Pipeline) -> None:
    waive(story)
    story.passes()
    story.now += timedelta(hours=3)
    assert not story.verdict().passed


def test_a_backdated_exception_gains_no_time(story: Pipeline) -> None:
    """Signed for four hours as of tomorrow; or as of yesterday, so that it would seem short."""
    waive(story)
    for path in story.filed_as("exception"):
        path.unlink()
    expires = format_time(story.now + timedelta(hours=30))
    for at, words in ((timedelta(hours=27), "in the future"), (timedelta(hours=-20), "longer than the policy allows")):
        said = PromotionException(
            "reg",
            "churn",
            "alias:production",
            None,
            story.loaded().sha256,
            ("data-validated", "approved"),
            expires,
            "x" * 20,
        )
        story.report(PREDICATE_TYPE, said.to_json(), who="oncall", at=story.now + at)
        verdict = story.verdict()
        assert not verdict.passed
        assert any(words in each for each in objections(verdict)), objections(verdict)


def test_what_nobody_may_waive(story: Pipeline) -> None:
    for path in story.filed_as("reference"):
        path.unlink()
    waive(story, rules=("data-validated", "approved", "content-attested", "inputs-attested"))
    verdict = story.verdict()
    assert [finding.rule for finding in verdict.denials] == ["content-attested"]


def test_an_exception_waives_the_rules_that_it_names(story: Pipeline) -> None:
    waive(story, rules=("data-validated",))
    assert [finding.rule for finding in story.verdict().denials] == ["approved"]


def test_without_break_glass_in_the_policy_nothing_is_waived(story: Pipeline) -> None:
    story.policy = story.policy.replace(GLASS, "")
    waive(story)
    verdict = story.verdict()
    assert not verdict.passed
    assert not verdict.excepted


def test_an_exception_about_another_model(story: Pipeline) -> None:
    """Copied in the store from one model's folder to another's."""
    other = story.model
    waive(story)
    (story.folder / "model" / "weights").write_bytes(b"poison")
    story.train()
    for path in story.filed_as("exception"):
        for subject in {each.parent.parent for each in story.files()}:
            (subject / "exception").mkdir(exist_ok=True)
            (subject / "exception" / path.name).write_bytes(path.read_bytes())
    assert story.model.content != other.content
    verdict = story.verdict()
    assert not verdict.excepted
    assert any("filed under" in each.reason for each in verdict.rejected)


EXCEPTION = 'exceptions: [{rule: data-validated, models: ["chu*"], expires: "2026-06-02T00:00:00Z", reason: agreed on Monday}]\n'


def test_an_exception_in_the_policy(pipeline: Pipeline) -> None:
    """It is the policy's own, signed with it, and ends on its day; for other models it waives nothing."""
    pipeline.policy = pipeline.policy.replace("rules:\n", EXCEPTION + "rules:\n", 1)
    for step in (pipeline.attest_data, pipeline.train, pipeline.bom, pipeline.approve):
        step()
    verdict = pipeline.passes()
    assert [finding.rule for finding in verdict.excepted] == ["data-validated"]
    pipeline.policy = pipeline.policy.replace('["chu*"]', '["fraud"]')
    pipeline.approve()
    pipeline.denied("data-validated")
    pipeline.policy = pipeline.policy.replace('["fraud"]', '["churn"]')
    pipeline.approve()
    pipeline.passes()
    pipeline.now += timedelta(hours=12)
    pipeline.denied("data-validated")


def test_an_exception_for_one_digest(pipeline: Pipeline) -> None:
    """It waives what is found about that data set, or about that model; for other bytes it waives nothing."""
    for step in (pipeline.attest_data, pipeline.train, pipeline.bom):
        step()
    until = 'expires: "2026-12-01T00:00:00Z", reason: agreed on Monday'
    honest = pipeline.policy
    for digest, passes in (
        (str(pipeline.data.content), True),
        (str(pipeline.model.content), True),
        (f"tree:sha256:{'3' * 64}", False),
    ):
        exception = f"exceptions: [{{rule: data-validated, subjects: ['{digest}'], {until}}}]\n"
        pipeline.policy = honest.replace("rules:\n", exception + "rules:\n", 1)
        pipeline.approve()
        assert pipeline.verdict().passed is passes, digest


def test_a_revoked_approval_does_not_count(pipeline: Pipeline) -> None:
    pipeline.run()
    pipeline.passes()
    (given,) = (
        each for finding in pipeline.verdict().findings if finding.rule == "approved" for each in finding.evidence
    )
    pipeline.approve("boss", decision="revoked", supersedes=(given,))
    pipeline.passes()  # only who approved can take it back
    pipeline.approve("owner", decision="revoked", supersedes=("0" * 64,))
    pipeline.passes()
    pipeline.approve("owner", decision="revoked", supersedes=(given,))
    pipeline.denied("approved", "it was revoked")
    pipeline.approve("boss")
    pipeline.passes()


def test_an_owner_who_saw_less_than_the_policy_relies_on(pipeline: Pipeline) -> None:
    """A report turns up after the approval (or was hidden from the page that the owner read)."""
    pipeline.policy = pipeline.policy.replace("count: 1}", "count: 1, sawEverything: true}")
    for step in (pipeline.attest_data, pipeline.validate, pipeline.train, pipeline.bom):
        step()
    pipeline.approve()
    pipeline.denied("approved", "what the gate finds is not what its owner saw")
    pipeline.approve(verdict=pipeline.verdict().findings_sha256())
    pipeline.passes()
    pipeline.validate(at=pipeline.now + timedelta(seconds=30))
    pipeline.denied("approved", "not what its owner saw")


def test_one_person_with_two_keys_is_one_person(pipeline: Pipeline) -> None:
    pipeline.policy = pipeline.policy.replace("count: 1}", "count: 2}")
    pipeline.run()
    pipeline.approve("owner", key=1)
    pipeline.denied("approved", "1 of 2 approvals")
    pipeline.approve("boss")
    pipeline.passes()


def test_an_approval_for_an_earlier_production_version(pipeline: Pipeline) -> None:
    pipeline.run()
    pipeline.production = ContentDigest("tree", "7" * 64)
    pipeline.denied("approved", "something else was in production")


def test_a_rule_that_speaks_for_another_one_is_broken(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """A third party's rule emits a finding named `approved`, or one that is already waived."""
    from attestflow.policy.rules import whole_subjects
    from attestflow.verdict import Finding, Waiver

    pipeline.run()
    waiver = Waiver("nobody", "no reason", "2099-01-01T00:00:00Z")
    for made in (
        Finding("approved", "passed", "x"),
        Finding("whole-subjects", "excepted", "x"),
        Finding("whole-subjects", "passed", "x", waiver=waiver),
    ):
        monkeypatch.setattr(whole_subjects.WholeSubjects, "check", lambda *_, made=made: iter([made]))
        pipeline.denied("whole-subjects", "nothing to say")
