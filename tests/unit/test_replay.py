"""A verdict is replayed bit for bit, whatever came into the store since; what cannot be replayed says why."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from attestflow.errors import MalformedStatement, SignatureError
from attestflow.gate import Gate
from attestflow.predicates import approval, vsa
from attestflow.replay import Replayed, replay
from attestflow.testing.trust import Person, new_signer, new_verifier
from attestflow.verdict import GATE_RULE, Finding, Verdict
from tests.attacks.conftest import Pipeline

SECOND = timedelta(seconds=1)


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    made = Pipeline(tmp_path)
    made.people["verifier"] = Person([new_signer()], [vsa.PREDICATE_TYPE], observed=True)
    return made


def gate(pipeline: Pipeline) -> Gate:
    verifier = new_verifier(pipeline.people, now=pipeline.now)
    moment = pipeline.now + timedelta(microseconds=654321)
    signer = pipeline.people["verifier"].signers[0]
    return Gate(pipeline.store, verifier, pipeline.loaded(), lambda: moment, signer)


def decide(pipeline: Pipeline) -> Verdict:
    made = gate(pipeline).check(
        pipeline.model.content,
        name="churn",
        transition=pipeline.transition,
        production=pipeline.production,
        actor="ann",
    )
    assert made.vsa_identity
    return made


def replayed(pipeline: Pipeline, verdict: Verdict) -> Replayed:
    assert verdict.vsa_identity
    stored = pipeline.store.bundle(verdict.subject, vsa.PREDICATE_TYPE, verdict.vsa_identity)
    assert stored is not None
    return replay(stored.raw, pipeline.store, new_verifier(pipeline.people, now=pipeline.now))


def test_the_same_bit_for_bit(pipeline: Pipeline) -> None:
    pipeline.run()
    verdict = decide(pipeline)
    assert verdict.passed
    assert replayed(pipeline, verdict).same


def test_what_came_later_changes_no_replay(pipeline: Pipeline) -> None:
    """A rejection, a failed validation, data attested at last, another policy, another trust root, years."""
    pipeline.train()
    pipeline.bom()
    denied = decide(pipeline)
    pipeline.now += SECOND
    pipeline.attest_data()
    pipeline.validate(at=pipeline.now)
    pipeline.approve(at=pipeline.now)
    passed = decide(pipeline)
    assert not denied.passed
    assert passed.passed
    pipeline.now += SECOND
    pipeline.validate("FAILED", at=pipeline.now)
    pipeline.approve("boss", decision="rejected", at=pipeline.now)
    pipeline.policy = pipeline.policy.replace("version: 1", "version: 2")
    pipeline.people["newcomer"] = Person([new_signer()], [approval.PREDICATE_TYPE])
    pipeline.now += timedelta(days=300)
    for verdict in (denied, passed):
        found = replayed(pipeline, verdict)
        assert found.same, found.changes
        assert found.verdict is not None
        assert found.verdict.findings == verdict.findings


def test_changed_data_are_explained_as_they_were(pipeline: Pipeline) -> None:
    """The explanation looks at what had that name before; a content that came later explained nothing then."""
    pipeline.attest_data()
    (pipeline.folder / "data" / "train.csv").write_text("x,y\n1,1\n")
    pipeline.train()
    verdict = decide(pipeline)
    assert any('"train.csv" was attested' in finding.message for finding in verdict.denials)
    pipeline.now += SECOND
    (pipeline.folder / "data" / "train.csv").write_text("x,y\n2,2\n")
    pipeline.attest_data()
    found = replayed(pipeline, verdict)
    assert found.same, found.changes


def test_files_of_the_policy_are_kept(pipeline: Pipeline) -> None:
    lock = b"numpy==2.1.0\n"
    pipeline.files_of_policy["lock.txt"] = lock
    sha256 = hashlib.sha256(lock).hexdigest()
    pipeline.ask(f"{{rule: libraries-locked, by: [pipeline], lock: {{file: lock.txt, sha256: '{sha256}'}}}}")
    pipeline.run()
    verdict = decide(pipeline)
    pipeline.files_of_policy.clear()
    assert replayed(pipeline, verdict).same


def test_an_attestation_that_was_taken_away_is_named(pipeline: Pipeline) -> None:
    pipeline.run()
    verdict = decide(pipeline)
    for path in pipeline.filed_as("approval"):
        path.unlink()
    found = replayed(pipeline, verdict)
    assert not found.same
    assert any("is no longer in the store" in change for change in found.changes)
    assert any("then: approved passed" in change for change in found.changes)
    assert any("now: approved denied" in change for change in found.changes)
    assert "the result was PASSED and is FAILED" in found.changes


@pytest.mark.parametrize("which", ["policy", "trust root"])
def test_a_document_that_was_taken_away_or_changed(pipeline: Pipeline, which: str) -> None:
    pipeline.run()
    verdict = decide(pipeline)
    sha256 = verdict.policy_sha256 if which == "policy" else verdict.trust_root_sha256
    path = pipeline.folder / "store" / "documents" / sha256[:2] / sha256
    path.unlink()
    found = replayed(pipeline, verdict)
    assert not found.same
    assert found.verdict is None
    assert any(f"the {which}" in change and "is not in the store" in change for change in found.changes)


def test_an_overtaken_promotion_has_nothing_to_replay(pipeline: Pipeline) -> None:
    pipeline.run()
    assert pipeline.transition
    finding = Finding(GATE_RULE, "denied", "it changed while the gate decided", "ask again")
    verdict = gate(pipeline).refuse(pipeline.model.content, finding, name="churn", transition=pipeline.transition)
    found = replayed(pipeline, verdict)
    assert not found.same
    assert any("by what happened at the gate then" in change for change in found.changes)


def test_a_forged_verdict_is_not_replayed(pipeline: Pipeline) -> None:
    pipeline.run()
    verdict = decide(pipeline)
    pipeline.people["verifier"] = replace(pipeline.people["verifier"], signers=[new_signer()])
    with pytest.raises(SignatureError):
        replayed(pipeline, verdict)
    stored = next(iter(pipeline.store.attestations(pipeline.model.content, approval.PREDICATE_TYPE)))
    with pytest.raises(MalformedStatement, match="nothing to replay"):
        replay(stored.raw, pipeline.store, new_verifier(pipeline.people, now=pipeline.now))
