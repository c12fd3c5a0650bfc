"""The gated registry: refused without papers, let through with them, and never talked around."""

from __future__ import annotations

import json
import subprocess
from functools import partial
from typing import Any

import pytest
from mlflow.exceptions import MlflowException

from .conftest import World

pytestmark = [pytest.mark.mlflow, pytest.mark.slow]


def curl(world: World, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    command = ["curl", "-s", "-X", method, "-H", "Content-Type: application/json", "-d", json.dumps(body)]
    done = subprocess.run(
        [*command, "-w", "\n%{http_code}", world.server.url + path], capture_output=True, text=True, check=True
    )
    text, _, code = done.stdout.rpartition("\n")
    return int(code), json.loads(text)


def test_from_refused_to_promoted(world: World) -> None:
    version = world.registered("honest", "honest")
    with pytest.raises(MlflowException, match="approved: not approved by owner") as refused:
        world.client.set_registered_model_alias("honest", "production", version.version)
    assert refused.value.error_code == "PERMISSION_DENIED"
    world.approve(version)
    world.client.set_registered_model_alias("honest", "production", version.version)
    assert world.client.get_model_version_by_alias("honest", "production").version == version.version
    # A retry of the same call changes nothing and is let through.
    world.client.set_registered_model_alias("honest", "production", version.version)


@pytest.mark.parametrize("api", ["api", "ajax-api"])
def test_curl_is_refused_with_findings(world: World, api: str) -> None:
    name = f"curl-{api}"
    version = world.registered(name, name)
    body = {"name": name, "alias": "production", "version": version.version}
    code, answer = curl(world, "POST", f"/{api}/2.0/mlflow/registered-models/alias", body)
    assert code == 403
    assert answer["error_code"] == "PERMISSION_DENIED"
    denied = [finding for finding in answer["attestflow"]["findings"] if finding["outcome"] == "denied"]
    assert [finding["rule"] for finding in denied] == ["approved"]
    assert "hint:" in answer["message"]
    assert world.client.get_registered_model(name).aliases == {}


@pytest.mark.parametrize("alias", ["production", "Production", "PRODUCTION", "ｐｒｏｄｕｃｔｉｏｎ"])
def test_no_spelling_of_the_alias_gets_around(world: World, alias: str) -> None:
    name = f"spelling-{abs(hash(alias))}"
    world.client.create_registered_model(name)
    version = world.version(name, alias)
    with pytest.raises(MlflowException):
        world.client.set_registered_model_alias(name, alias, version)
    assert world.client.get_registered_model(name).aliases == {}


@pytest.mark.parametrize("stage", ["Production", "production"])
def test_the_stage_is_guarded(world: World, stage: str) -> None:
    name = f"stage-{stage}"
    version = world.registered(name, name)
    body = {"name": name, "version": version.version, "stage": stage, "archive_existing_versions": False}
    code, answer = curl(world, "POST", "/api/2.0/mlflow/model-versions/transition-stage", body)
    assert code == 403, answer
    assert world.client.get_model_version(name, version.version).current_stage == "None"
    world.approve(version, "stage:Production")
    code, answer = curl(world, "POST", "/api/2.0/mlflow/model-versions/transition-stage", body)
    assert code == 200, answer
    body["stage"] = "Archived"
    assert curl(world, "POST", "/api/2.0/mlflow/model-versions/transition-stage", body)[0] == 200


def test_an_approval_is_for_one_model_and_one_place(world: World) -> None:
    version = world.registered("first", "first")
    world.approve(version)
    other = world.client.create_registered_model("second").name
    copied = world.client.create_model_version(other, f"models:/first/{version.version}")
    with pytest.raises(MlflowException, match="does not count: it is for first"):
        world.client.set_registered_model_alias(other, "production", copied.version)
    with pytest.raises(MlflowException):
        world.client.transition_model_version_stage("first", version.version, "Production")


def test_delete_and_create_again_gains_nothing(world: World) -> None:
    version = world.registered("reborn", "reborn")
    world.approve(version)
    world.client.set_registered_model_alias("reborn", "production", version.version)
    world.client.delete_registered_model_alias("reborn", "production")
    world.client.delete_registered_model("reborn")
    world.client.create_registered_model("reborn")
    again = world.version("reborn", "evil")
    assert again == version.version
    with pytest.raises(MlflowException, match="content-attested"):
        world.client.set_registered_model_alias("reborn", "production", again)


def test_a_model_in_production_is_not_renamed(world: World) -> None:
    version = world.registered("named", "named")
    world.approve(version)
    world.client.set_registered_model_alias("named", "production", version.version)
    with pytest.raises(MlflowException, match="the renaming of .* is blocked"):
        world.client.rename_registered_model("named", "renamed")
    world.client.delete_registered_model_alias("named", "production")
    world.client.rename_registered_model("named", "renamed")


def test_files_swapped_before_promotion_are_other_bytes(world: World) -> None:
    version = world.registered("swapped", "swapped")
    world.approve(version)
    (weights,) = [path for path in world.server.artifacts.rglob("weights.txt") if path.read_text() == "swapped"]
    weights.write_text("poison!")
    with pytest.raises(MlflowException, match="content-attested"):
        world.client.set_registered_model_alias("swapped", "production", version.version)
    weights.write_text("swapped")
    world.client.set_registered_model_alias("swapped", "production", version.version)


def test_a_source_elsewhere_is_not_fetched(world: World) -> None:
    world.client.create_registered_model("elsewhere")
    made = world.client.create_model_version("elsewhere", "s3://another-bucket/model")
    with pytest.raises(MlflowException, match="where not only this server writes"):
        world.client.set_registered_model_alias("elsewhere", "production", made.version)


def test_reserved_tags_are_refused(world: World) -> None:
    made = world.client.create_registered_model("tagged")
    version = world.version("tagged", "tagged")
    uri = world.logged("again")
    create = partial(world.client.create_model_version, "tagged", uri, model_id=uri.removeprefix("models:/"))
    for attempt in (
        lambda: world.client.set_registered_model_tag("tagged", "attestflow.verdict", "passed"),
        lambda: world.client.set_model_version_tag("tagged", version, "AttestFlow.verdict", "passed"),
        lambda: world.client.create_registered_model("tagged2", tags={"attestflow.x": "1"}),
        lambda: create(tags={"attestflow.x": "1"}),
    ):
        with pytest.raises(MlflowException, match="gate.s own"):
            attempt()
    world.client.set_model_version_tag(made.name, version, "team", "blue")


def test_what_is_not_guarded_works_as_ever(world: World) -> None:
    world.client.create_registered_model("free", tags={"a": "b"})
    version = world.version("free", "free")
    world.client.set_registered_model_alias("free", "staging", version)
    world.client.transition_model_version_stage("free", version, "Staging")
    world.client.rename_registered_model("free", "freer")
    assert world.client.get_model_version_by_alias("freer", "staging").version == version
    world.client.delete_registered_model_alias("freer", "staging")
    world.client.delete_registered_model("freer")


def test_rollback_passes_the_same_gate(world: World) -> None:
    first = world.registered("rolled", "rolled-1")
    world.approve(first)
    world.client.set_registered_model_alias("rolled", "production", first.version)
    second = world.registered("rolled", "rolled-2")
    world.approve(second)
    world.client.set_registered_model_alias("rolled", "production", second.version)
    with pytest.raises(MlflowException, match="something else was in production"):
        world.client.set_registered_model_alias("rolled", "production", first.version)
    world.approve(first)
    world.client.set_registered_model_alias("rolled", "production", first.version)


def test_a_rejection_stands_until_the_same_person_approves(world: World) -> None:
    version = world.registered("rejected", "rejected")
    world.approve(version)
    for_production = ("--for", f"models:/{version.name}", "--to", "production", "--yes")
    world.cli("reject", version.uri, *for_production, "--reason", "label leak")
    with pytest.raises(MlflowException, match="owner rejected it: label leak"):
        world.client.set_registered_model_alias("rejected", "production", version.version)
    world.approve(version)
    world.client.set_registered_model_alias("rejected", "production", version.version)


def test_registering_twice_makes_one_version(world: World) -> None:
    from attestflow.integrations.mlflow.registration.register import register

    uri = world.trained("twice")
    attester = world.settings.attester("pipeline")
    first = register(uri, "twice", attester=attester, tracking_uri=world.server.url)
    again = register(uri, "twice", attester=attester, tracking_uri=world.server.url)
    assert first.version == again.version
    assert len(world.client.search_model_versions("name = 'twice'")) == 1


def test_a_broken_policy_denies_and_says_so(world: World) -> None:
    version = world.registered("broken", "broken")
    world.approve(version)
    policy = world.folder / "policies" / "production.yaml"
    good = policy.read_bytes()
    try:
        policy.write_bytes(good.replace(b"enforce", b"warn   "))
        with pytest.raises(MlflowException, match="could not be decided"):
            world.client.set_registered_model_alias("broken", "production", version.version)
        with pytest.raises(MlflowException):
            world.client.set_registered_model_alias("broken", "staging", version.version)
    finally:
        policy.write_bytes(good)
    world.client.set_registered_model_alias("broken", "production", version.version)


def test_a_store_that_is_gone_denies(world: World) -> None:
    version = world.registered("gone", "gone")
    world.approve(version)
    store = world.folder / "attestations"
    away = store.rename(world.folder / "away")
    try:
        with pytest.raises(MlflowException, match="is not there"):
            world.client.set_registered_model_alias("gone", "production", version.version)
    finally:
        away.rename(store)
    world.client.set_registered_model_alias("gone", "production", version.version)


def test_each_decision_is_recorded(world: World) -> None:
    version = world.registered("recorded", "recorded")
    with pytest.raises(MlflowException):
        world.client.set_registered_model_alias("recorded", "production", version.version)
    shown = json.loads(world.cli("show", version.uri, "--json"))
    verdicts = [row for row in shown["attestations"] if row["predicateType"].endswith("verification_summary/v1")]
    assert [row["predicate"]["verificationResult"] for row in verdicts] == ["FAILED"]
    assert verdicts[0]["functionary"] == "verifier"
