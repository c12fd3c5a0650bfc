"""The gate: it denies whatever goes wrong, signs what it says, and obeys it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from attestflow.errors import PromotionBlocked
from attestflow.gate import Gate
from attestflow.policy.loader import load_policy
from attestflow.predicates import vsa
from attestflow.testing.trust import Person, new_signer, new_verifier
from attestflow.verdict import Transition, Verdict
from tests.attacks.conftest import POLICY, Pipeline


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    made = Pipeline(tmp_path)
    made.people["verifier"] = Person([new_signer()], [vsa.PREDICATE_TYPE], observed=True)
    return made


def gate(pipeline: Pipeline, policy: str = POLICY, **changes: Any) -> Gate:
    verifier = new_verifier(pipeline.people, now=pipeline.now)
    signer = pipeline.people["verifier"].signers[0]
    return replace(
        Gate(pipeline.store, verifier, load_policy(policy.encode()), lambda: pipeline.now, signer), **changes
    )


def ask(pipeline: Pipeline, asked: Gate) -> Verdict:
    return asked.check(pipeline.model.content, name="churn", transition=pipeline.transition)


@pytest.mark.parametrize("honest", [True, False])
def test_passed_and_denied_are_signed_alike(pipeline: Pipeline, honest: bool) -> None:
    if honest:
        pipeline.run()
    verdict = ask(pipeline, gate(pipeline))
    assert verdict.passed is honest
    (stored,) = pipeline.store.attestations(pipeline.model.content, vsa.PREDICATE_TYPE)
    verified = new_verifier(pipeline.people, now=pipeline.now).verify(stored.raw)
    assert verified.functionary == "verifier"
    assert verified.identity == verdict.vsa_identity
    said = vsa.Vsa.parse(verified.statement.predicate)
    assert said.result == ("PASSED" if honest else "FAILED")
    assert said.policy_sha256 == verdict.policy_sha256
    assert said.extension["transition"] == {"registry": "reg", "model": "churn", "to": "alias:production"}
    assert said.extension["absence"] == "accepted"
    assert [finding["rule"] for finding in said.extension["findings"]] == [finding.rule for finding in verdict.findings]


def test_an_earlier_verdict_is_never_an_input(pipeline: Pipeline) -> None:
    pipeline.run()
    assert ask(pipeline, gate(pipeline)).passed
    for path in pipeline.filed_as("approval"):
        path.unlink()
    assert not ask(pipeline, gate(pipeline)).passed


def test_enforce_raises_with_the_verdict(pipeline: Pipeline) -> None:
    with pytest.raises(PromotionBlocked, match="content-attested") as blocked:
        gate(pipeline).enforce(pipeline.model.content, name="churn", transition=pipeline.transition)
    assert not blocked.value.verdict.passed
    assert blocked.value.hint
    pipeline.run()
    assert gate(pipeline).enforce(pipeline.model.content, name="churn", transition=pipeline.transition).passed


def test_a_policy_that_only_warns(pipeline: Pipeline) -> None:
    warning = gate(pipeline, POLICY.replace("enforce", "warn"))
    verdict = warning.enforce(pipeline.model.content, name="churn", transition=pipeline.transition)
    assert not verdict.passed
    assert verdict.allowed
    assert verdict.to_json()["enforced"] is False


def test_a_policy_or_trust_root_that_expired(pipeline: Pipeline) -> None:
    pipeline.run()
    late = pipeline.now + timedelta(days=500)
    verdict = ask(pipeline, gate(pipeline, clock=lambda: late))
    assert not verdict.passed
    assert "expired" in verdict.denials[0].message
    old = new_verifier(pipeline.people, now=late)
    policy = POLICY.replace("2027", "2037")
    verdict = ask(pipeline, gate(pipeline, policy, verifier=old, clock=lambda: late, signer=None))
    assert "trust root" in verdict.denials[0].message


def test_a_store_that_fails(pipeline: Pipeline) -> None:
    pipeline.run()
    (pipeline.folder / "store").rename(pipeline.folder / "away")
    verdict = ask(pipeline, gate(pipeline))
    assert not verdict.passed
    assert verdict.denials[0].rule == "evidence"


def test_a_verdict_that_cannot_be_recorded_does_not_pass(pipeline: Pipeline) -> None:
    pipeline.run()
    stranger = new_signer()
    verdict = ask(pipeline, gate(pipeline, signer=stranger))
    assert not verdict.passed
    assert "could not be recorded" in verdict.denials[-1].message


def test_without_a_signer_it_says_so(pipeline: Pipeline) -> None:
    pipeline.run()
    verdict = ask(pipeline, gate(pipeline, signer=None))
    assert verdict.passed
    assert verdict.vsa_identity is None


def test_the_findings_digest_is_what_the_owner_saw(pipeline: Pipeline) -> None:
    """It is the same before and after the approval, and another one when anything else changed."""
    for step in (pipeline.attest_data, pipeline.validate, pipeline.train, pipeline.bom):
        step()
    before = ask(pipeline, gate(pipeline)).findings_sha256()
    pipeline.approve()
    assert ask(pipeline, gate(pipeline)).findings_sha256() == before
    pipeline.validate("FAILED", at=pipeline.now + timedelta(seconds=1))
    assert ask(pipeline, gate(pipeline)).findings_sha256() != before


def test_a_verdict_is_json_that_does_not_change(pipeline: Pipeline) -> None:
    pipeline.run()
    asked = gate(pipeline, signer=None)
    first, second = (json.dumps(ask(pipeline, asked).to_json()) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("to", ["", "alias:", "stage:", "branch:main", ":x"])
def test_what_is_no_transition(to: str) -> None:
    from attestflow.errors import ConfigurationError

    with pytest.raises(ConfigurationError, match="no transition"):
        Transition.parse("reg", "m", to)
    assert Transition.parse("reg", "m", "production").to == "alias:production"
