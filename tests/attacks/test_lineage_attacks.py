"""Attacks on the data, the model and the evidence about them. Each story first passes without its attack."""

from __future__ import annotations

import shutil
from datetime import timedelta

import pytest

from attestflow.digest import ContentDigest, Listing
from attestflow.predicates import provenance
from attestflow.subject import ResourceDescriptor, measure
from attestflow.verify import verify_content

from .conftest import BOM, Pipeline


def test_the_honest_pipeline_passes(pipeline: Pipeline) -> None:
    pipeline.run()
    verdict = pipeline.verdict()
    assert verdict.passed, verdict.denials
    assert {finding.rule for finding in verdict.findings} == set(_rules(pipeline))


def _rules(pipeline: Pipeline) -> list[str]:
    from attestflow.policy.loader import load_policy

    return [use.rule for use in load_policy(pipeline.policy.encode()).rules]


@pytest.mark.parametrize("left_out", ["attest_data", "validate", "train", "bom", "approve"])
def test_each_step_is_needed(pipeline: Pipeline, left_out: str) -> None:
    for step in ("attest_data", "validate", "train", "bom", "approve"):
        if step != left_out:
            getattr(pipeline, step)()
    assert not pipeline.verdict().passed
    getattr(pipeline, left_out)()
    assert pipeline.verdict().passed


def test_nothing_at_all_denies(pipeline: Pipeline) -> None:
    finding = pipeline.denied("content-attested", "nothing at all is known")
    assert finding.subject == str(pipeline.model.content)


def test_labels_flipped_between_attesting_and_training(pipeline: Pipeline) -> None:
    """Somebody writes where the data lie. The run signs what it read; the owner reads which file, and both digests."""
    pipeline.attest_data()
    pipeline.validate()
    before = measure(pipeline.folder / "data" / "train.csv").content.sha256
    (pipeline.folder / "data" / "train.csv").write_text("x,y\n1,1\n")
    after = measure(pipeline.folder / "data" / "train.csv").content.sha256
    pipeline.train()
    pipeline.bom()
    pipeline.approve()
    finding = pipeline.denied("inputs-attested", '"train.csv"')
    assert before[:12] in finding.message
    assert after[:12] in finding.message
    pipeline.denied("data-validated", "was not validated")


def test_a_model_of_the_same_name_does_not_hide_which_file_changed(pipeline: Pipeline) -> None:
    pipeline.attest_data()
    other = measure(pipeline.folder / "model", name="data")
    pipeline.says("pipeline", at=pipeline.now + timedelta(seconds=5)).attest_content(other, kind="model")
    (pipeline.folder / "data" / "train.csv").write_text("x,y\n1,1\n")
    pipeline.train()
    pipeline.denied("inputs-attested", '"train.csv" was attested')


def test_the_provenance_is_taken_away(pipeline: Pipeline) -> None:
    """Whoever writes to the store deletes the run that shows the poisoned data: no run is no promotion."""
    pipeline.run()
    for path in pipeline.filed_as("provenance"):
        path.unlink()
    pipeline.denied("trained-by", "no training run")


def test_a_clean_run_does_not_excuse_a_dirty_one(pipeline: Pipeline) -> None:
    pipeline.run()
    dirty = ResourceDescriptor(name="extra.csv", digest={"sha256": "d" * 64})
    pipeline.train([dirty])
    pipeline.denied("inputs-attested", "extra.csv")


def test_a_run_that_names_no_input(pipeline: Pipeline) -> None:
    pipeline.train([])
    pipeline.denied("inputs-attested", "names an input")


def test_an_input_without_a_content_digest(pipeline: Pipeline) -> None:
    pipeline.run()
    pipeline.train([ResourceDescriptor(name="weights", digest={"md5": "d" * 32})])
    pipeline.denied("inputs-attested", "no SHA-256")


def test_a_commit_is_an_input_that_names_itself(pipeline: Pipeline) -> None:
    pipeline.attest_data()
    pipeline.validate()
    commit = ResourceDescriptor(uri="git+https://example.com/code", digest={"gitCommit": "a" * 40})
    pipeline.train([pipeline.data.descriptor(), commit])
    pipeline.bom()
    pipeline.approve()
    assert pipeline.verdict().passed


def test_the_run_of_another_functionary_does_not_count(pipeline: Pipeline) -> None:
    """The validation key signs a training run: the trust root does not let it."""
    pipeline.attest_data()
    pipeline.validate()
    pipeline.train(who="validation")
    verdict = pipeline.verdict()
    assert not verdict.passed
    assert any("may not sign" in rejected.reason for rejected in verdict.rejected)


def test_another_build_type_is_no_training(pipeline: Pipeline) -> None:
    pipeline.run()
    pipeline.train(build_type="https://example.com/upload/v1")
    pipeline.denied("trained-by", "https://example.com/upload/v1")


def test_validation_of_other_bytes(pipeline: Pipeline) -> None:
    pipeline.attest_data()
    (pipeline.folder / "data" / "train.csv").write_text("x,y\n1,9\n")
    pipeline.validate()
    (pipeline.folder / "data" / "train.csv").write_text("x,y\n1,0\n")
    pipeline.train()
    pipeline.denied("data-validated", "was not validated")


def test_a_bias_test_is_no_data_validation(pipeline: Pipeline) -> None:
    """A key that is trusted for bias tests signs a test result on the data: the policy asks for another functionary."""
    pipeline.attest_data()
    pipeline.validate(who="bias-tests")
    pipeline.train()
    pipeline.denied("data-validated", "was not validated by validation")


def test_a_suite_that_the_validator_may_not_sign(pipeline: Pipeline) -> None:
    """The suite is edited to pass always: another digest, which the trust root does not let `validation` sign."""
    pipeline.attest_data()
    pipeline.validate(suite="6" * 64)
    pipeline.train()
    pipeline.denied("data-validated", "was not validated")


def test_a_later_failure_counts(pipeline: Pipeline) -> None:
    pipeline.run()
    pipeline.validate("FAILED", at=pipeline.now + timedelta(seconds=1))
    pipeline.denied("data-validated", "FAILED")


def test_an_old_validation_replayed(pipeline: Pipeline) -> None:
    pipeline.attest_data()
    pipeline.validate(at=pipeline.now - timedelta(days=31))
    pipeline.train()
    pipeline.bom()
    pipeline.approve()
    pipeline.denied("data-validated", "31 days ago")
    pipeline.validate(at=pipeline.now - timedelta(days=29))
    assert pipeline.verdict().passed


def test_a_validation_from_the_future(pipeline: Pipeline) -> None:
    pipeline.run()
    pipeline.validate(at=pipeline.now + timedelta(hours=1))
    pipeline.denied("data-validated", "future")


def test_a_bom_by_a_key_that_the_policy_does_not_name(pipeline: Pipeline) -> None:
    pipeline.attest_data()
    pipeline.validate()
    pipeline.train()
    pipeline.approve()
    pipeline.bom(who="bom-tool")
    pipeline.denied("ml-bom", "no ML-BOM signed by pipeline")


def test_a_bom_of_something_else(pipeline: Pipeline) -> None:
    pipeline.run()
    pipeline.bom(document={**BOM, "components": [{"type": "library", "name": "churn"}]})
    pipeline.denied("ml-bom")


def test_evidence_moved_under_another_subject(pipeline: Pipeline) -> None:
    """An attacker copies every bundle of an approved model to the place of his own."""
    pipeline.run()
    good = pipeline.model.content
    (pipeline.folder / "model" / "weights").write_bytes(b"\x01" * 64)
    bad = pipeline.model.content
    root = pipeline.folder / "store" / "by-subject"
    shutil.copytree(root / f"tree-{good.sha256[:2]}" / good.sha256, root / f"tree-{bad.sha256[:2]}" / bad.sha256)
    pipeline.denied("content-attested")
    assert all("something else" in rejected.reason for rejected in pipeline.verdict().rejected)
    assert pipeline.verdict(good).passed


def test_a_file_that_holds_a_listing_is_not_the_tree(pipeline: Pipeline) -> None:
    pipeline.run()
    listing = pipeline.model.listing
    assert isinstance(listing, Listing)
    (pipeline.folder / "fake").write_bytes(listing.data)
    fake = measure(pipeline.folder / "fake").content
    assert fake.sha256 == pipeline.model.content.sha256
    assert fake == ContentDigest("file", fake.sha256)
    assert not pipeline.verdict(fake).passed


def test_a_store_flooded_with_junk_denies(pipeline: Pipeline) -> None:
    pipeline.run()
    folder = pipeline.filed_as("provenance")[0].parent
    for number in range(1001):
        (folder / f"{number:064x}.sigstore.json").write_text("{}")
    pipeline.denied("evidence", "more than 1000 entries")


def test_some_junk_changes_nothing_and_is_listed(pipeline: Pipeline) -> None:
    pipeline.run()
    folder = pipeline.filed_as("provenance")[0].parent
    (folder / f"{7:064x}.sigstore.json").write_text("{}")
    verdict = pipeline.verdict()
    assert verdict.passed
    assert len(verdict.rejected) == 1


def test_verdicts_do_not_use_up_the_bound(pipeline: Pipeline) -> None:
    """Each question leaves a signed verdict beside the evidence; they are not counted as evidence."""
    pipeline.run()
    folder = pipeline.filed_as("provenance")[0].parent.parent / "vsa"
    folder.mkdir()
    for number in range(1001):
        (folder / f"{number:064x}.sigstore.json").write_text("{}")
    assert pipeline.verdict().passed


def test_swapped_weights_between_training_and_registration(pipeline: Pipeline) -> None:
    """The registration is signed honestly; both listings show that a file changed on the way."""
    pipeline.attest_data()
    pipeline.validate()
    pipeline.train()
    trained = pipeline.model
    (pipeline.folder / "model" / "weights").write_bytes(b"\x02" * 64)
    (pipeline.folder / "model" / "registered_model_meta").write_text("model_name: churn\n")
    _register(pipeline, trained)
    pipeline.denied("registered-unchanged", '"weights"')


def test_the_file_that_mlflow_adds_is_no_change(pipeline: Pipeline) -> None:
    pipeline.attest_data()
    pipeline.validate()
    pipeline.train()
    trained = pipeline.model
    (pipeline.folder / "model" / "registered_model_meta").write_text("model_name: churn\n")
    _register(pipeline, trained)
    assert pipeline.verdict().passed, pipeline.verdict().denials


def test_swapped_weights_before_an_earlier_registration(pipeline: Pipeline) -> None:
    """The swap hides one registration further back, and the last one changed nothing."""
    pipeline.attest_data()
    pipeline.validate()
    pipeline.train()
    trained = pipeline.model
    (pipeline.folder / "model" / "weights").write_bytes(b"\x02" * 64)
    _register(pipeline, trained)
    between = pipeline.model
    (pipeline.folder / "model" / "registered_model_meta").write_text("model_name: churn\n")
    _register(pipeline, between)
    finding = pipeline.denied("registered-unchanged", '"weights"')
    assert finding.subject == str(between.content)


def test_a_registration_without_listings_shows_nothing(pipeline: Pipeline) -> None:
    test_the_file_that_mlflow_adds_is_no_change(pipeline)
    shutil.rmtree(pipeline.folder / "store" / "listings")
    pipeline.denied("registered-unchanged", "not in the store")


def test_registrations_in_a_circle(pipeline: Pipeline) -> None:
    made = pipeline.model
    pipeline.says("pipeline").attest_content(made, kind="model")
    _provenance(pipeline, [made.descriptor()], provenance.BUILD_TYPE_REGISTRATION)
    pipeline.denied("trained-by", "circle")


def test_a_partial_data_set(pipeline: Pipeline) -> None:
    pipeline.run()
    assert pipeline.verdict().passed
    part = measure(pipeline.folder / "data", include=["train.csv"])
    pipeline.says("pipeline").attest_content(part, kind="dataset")
    pipeline.train([pipeline.data.descriptor(), part.descriptor()])
    pipeline.denied("whole-subjects", "only a part")


def test_hostile_names_reach_no_terminal(pipeline: Pipeline) -> None:
    pipeline.train([ResourceDescriptor(name="\x1b[2J\u202eevil", digest={"sha256": "d" * 64})])
    finding = pipeline.denied("inputs-attested")
    assert "\x1b" not in finding.message
    assert "\u202e" not in finding.message


def test_a_poisoned_pointer_by_blake3_finds_nothing(pipeline: Pipeline) -> None:
    """Whoever writes to the store points the BLAKE3 of bad bytes at a good attestation."""
    from attestflow.subject import measure_quickly
    from attestflow.testing.trust import new_verifier
    from attestflow.verify import verify_quickly

    pipeline.run()
    good = pipeline.model
    verifier = new_verifier(pipeline.people, now=pipeline.now)
    assert verify_quickly(measure_quickly(pipeline.folder / "model"), pipeline.store, verifier).content == good.content
    (pipeline.folder / "model" / "weights").write_bytes(b"\x03" * 64)
    bad = measure_quickly(pipeline.folder / "model")
    pointer = pipeline.folder / "store" / "by-blake3" / f"tree-{bad.blake3[:2]}" / bad.blake3
    pointer.mkdir(parents=True)
    (pointer / f"tree-{good.content.sha256}").write_bytes(b"")
    assert not verify_quickly(bad, pipeline.store, verifier).accepted
    assert not verify_content(pipeline.model, pipeline.store, verifier).accepted


def _register(pipeline: Pipeline, trained: object) -> None:
    made = pipeline.model
    assert made.listing is not None
    assert hasattr(trained, "listing")
    assert hasattr(trained, "descriptor")
    pipeline.store.put_listing(trained.listing)
    pipeline.says("pipeline").attest_content(made, kind="model")
    _provenance(pipeline, [trained.descriptor()], provenance.BUILD_TYPE_REGISTRATION)
    pipeline.bom()
    pipeline.approve()


def _provenance(pipeline: Pipeline, inputs: list[ResourceDescriptor], build_type: str) -> None:
    said = provenance.Provenance(build_type, {}, "https://example.com/builder", inputs=tuple(inputs))
    pipeline.says("pipeline").attest_predicate([pipeline.model.descriptor()], provenance.PREDICATE_TYPE, said.to_json())


def test_any_predicate_type_can_be_required(pipeline: Pipeline) -> None:
    """A scan of a type of its own: by the wrong functionary, too old, then as asked for."""
    from attestflow.testing.trust import Person, new_signer

    scan = "https://example.com/scan/v1"
    pipeline.people["scanner"] = Person([new_signer()], [scan])
    rule = f"  - {{rule: required-attestation, predicateType: '{scan}', by: [scanner], maxAge: 7d}}\n"
    pipeline.policy += rule
    pipeline.run()
    pipeline.denied("required-attestation", "there is no")
    pipeline.says("pipeline").attest_predicate([pipeline.model.descriptor()], scan, {"clean": True})
    pipeline.denied("required-attestation", "there is no")
    old = pipeline.says("scanner", at=pipeline.now - timedelta(days=8))
    old.attest_predicate([pipeline.model.descriptor()], scan, {"clean": True})
    pipeline.denied("required-attestation", "8 days old")
    pipeline.says("scanner").attest_predicate([pipeline.model.descriptor()], scan, {"clean": True})
    assert pipeline.verdict().passed


def test_a_data_set_can_be_asked_for_too(pipeline: Pipeline) -> None:
    from attestflow.testing.trust import Person, new_signer

    scan = "https://example.com/licence/v1"
    pipeline.people["scanner"] = Person([new_signer()], [scan])
    pipeline.policy += f"  - {{rule: required-attestation, predicateType: '{scan}', by: [scanner], about: datasets}}\n"
    pipeline.run()
    pipeline.denied("required-attestation", '"data/"')
    pipeline.says("scanner").attest_predicate([pipeline.data.descriptor()], scan, {"spdx": "MIT"})
    assert pipeline.verdict().passed
