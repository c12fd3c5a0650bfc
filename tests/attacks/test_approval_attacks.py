"""Attacks on approvals: for something else, by somebody else, from another time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from attestflow.clock import format_time
from attestflow.digest import ContentDigest
from attestflow.predicates import approval, reference
from attestflow.verdict import Transition

from .conftest import Pipeline


@pytest.fixture
def waiting(pipeline: Pipeline) -> Pipeline:
    """All is there but the approval."""
    for step in (pipeline.attest_data, pipeline.validate, pipeline.train, pipeline.bom):
        step()
    pipeline.denied("approved", "not approved by owner or boss")
    return pipeline


def test_an_approval_lets_it_through(waiting: Pipeline) -> None:
    waiting.approve()
    assert waiting.verdict().passed


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": "other"}, "it is for other"),
        ({"registry": "staging-registry"}, "staging-registry"),
        ({"transition": "stage:Production"}, "stage:Production"),
        ({"policy": "1" * 64}, "another policy"),
        ({"production": f"tree:sha256:{'2' * 64}"}, "something else was in production"),
        ({"expires": "2026-05-31T00:00:00Z"}, "expired"),
    ],
)
def test_an_approval_for_something_else(waiting: Pipeline, changes: dict[str, str], words: str) -> None:
    waiting.approve(**changes)
    waiting.denied("approved", words)
    waiting.approve()
    assert waiting.verdict().passed


def test_an_approval_given_when_another_version_was_in_production(waiting: Pipeline) -> None:
    waiting.approve()
    waiting.production = ContentDigest("tree", "e" * 64)
    waiting.denied("approved", "something else was in production")


def test_an_approval_of_another_model_moved_here(waiting: Pipeline) -> None:
    waiting.approve()
    (waiting.folder / "model" / "weights").write_bytes(b"\x07" * 64)
    assert not waiting.verdict().passed


def test_an_approval_from_the_future(waiting: Pipeline) -> None:
    waiting.approve(at=waiting.now + timedelta(hours=1), expires=format_time(waiting.now + timedelta(days=9)))
    waiting.denied("approved", "future")


def test_no_transition_no_approval(waiting: Pipeline) -> None:
    waiting.approve()
    waiting.transition = None
    waiting.denied("approved", "none was named")


def test_the_alias_is_compared_folded(waiting: Pipeline) -> None:
    waiting.approve()
    waiting.transition = Transition("reg", "churn", "alias:Production")
    assert waiting.verdict().passed


def test_the_pipeline_cannot_approve(waiting: Pipeline) -> None:
    waiting.approve("pipeline")
    verdict = waiting.verdict()
    assert not verdict.passed
    assert any("pipeline may not sign" in rejected.reason for rejected in verdict.rejected)


def test_who_made_it_cannot_approve_it(waiting: Pipeline) -> None:
    """An owner whose key may also attest: once it signed the model's bytes, its approval of them counts no more."""
    both = replace(waiting.people["owner"], may=(approval.PREDICATE_TYPE, reference.PREDICATE_TYPE))
    waiting.people["owner"] = both
    waiting.approve()
    assert waiting.verdict().passed
    waiting.says("owner").attest_content(waiting.model, kind="model")
    waiting.denied("approved", "who made the model cannot approve it")


def test_who_ran_a_step_cannot_approve_what_came_of_it(waiting: Pipeline) -> None:
    from attestflow.predicates import provenance

    both = replace(waiting.people["owner"], may=(approval.PREDICATE_TYPE, provenance.PREDICATE_TYPE))
    waiting.people["owner"] = both
    waiting.approve()
    assert waiting.verdict().passed
    run = provenance.Provenance(provenance.BUILD_TYPE_PREPARATION, {}, "https://example.com/builder")
    waiting.says("owner").attest_predicate([waiting.data.descriptor()], provenance.PREDICATE_TYPE, run.to_json())
    waiting.denied("approved", "who made the model cannot approve it")


def test_one_person_with_two_keys_is_one_person(waiting: Pipeline) -> None:
    waiting.policy = waiting.policy.replace("count: 1", "count: 2")
    waiting.approve("owner", key=0)
    waiting.approve("owner", key=1)
    waiting.denied("approved", "1 of 2 approvals")
    waiting.approve("boss")
    assert waiting.verdict().passed


def test_a_rejection_stands_until_its_author_lifts_it(waiting: Pipeline) -> None:
    waiting.approve()
    rejection = waiting.approve("boss", decision="rejected", reason="label leak")
    waiting.denied("approved", "boss rejected it: label leak")
    waiting.approve("owner", supersedes=(rejection,))
    waiting.denied("approved", "boss rejected it")
    waiting.approve("boss", supersedes=(rejection,))
    assert waiting.verdict().passed


def test_an_expired_rejection_still_stands(waiting: Pipeline) -> None:
    waiting.approve()
    waiting.approve("boss", decision="rejected", expires="2026-05-01T00:00:00Z")
    waiting.denied("approved", "boss rejected it")


def test_a_key_in_nobodys_name_counts_for_nothing(waiting: Pipeline) -> None:
    from attestflow.testing.trust import Person, new_signer

    waiting.people["mallory"] = Person([new_signer()], [approval.PREDICATE_TYPE])
    waiting.approve("mallory")
    del waiting.people["mallory"]
    waiting.denied("approved", "not approved")
    assert any("no functionary has the key" in rejected.reason for rejected in waiting.verdict().rejected)


def test_a_functionary_that_the_policy_does_not_name(waiting: Pipeline) -> None:
    from attestflow.testing.trust import Person, new_signer

    waiting.people["intern"] = Person([new_signer()], [approval.PREDICATE_TYPE])
    waiting.approve("intern")
    waiting.denied("approved", "not approved")


def test_a_policy_that_names_somebody_unknown_denies(waiting: Pipeline) -> None:
    waiting.policy = waiting.policy.replace("owner, boss", "owner, bos")
    waiting.approve()
    waiting.denied("approved", "whom the trust root does not know")
