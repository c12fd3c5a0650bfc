"""`attestflow promote` and `freeze`: asked of a gated server, and of one without a gate."""

from __future__ import annotations

import json

import pytest

from .conftest import World
from .local_registry import LocalRegistry, cli, local_registry

pytestmark = [pytest.mark.mlflow, pytest.mark.slow]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> LocalRegistry:
    return local_registry(tmp_path_factory)


def test_refused_foreseen_promoted_and_again(world: World) -> None:
    version = world.registered("wanted", "wanted")
    foreseen = world.cli("promote", version.uri, "--to", "production", "--dry-run", code=10)
    assert "DENY  approved: not approved by owner" in foreseen
    assert "nothing was changed" in foreseen
    refused = world.cli("promote", version.uri, "--to", "production", code=10)
    assert "DENIED" in refused
    assert "approved: not approved by owner" in refused
    assert "hint:" in refused
    document = json.loads(world.cli("promote", version.uri, "--to", "production", "--json", code=10))
    assert [each["rule"] for each in document["verdicts"][0]["findings"] if each["outcome"] == "denied"] == ["approved"]
    assert world.client.get_registered_model("wanted").aliases == {}
    world.approve(version)
    document = json.loads(world.cli("promote", version.uri, "--to", "production", "--dry-run", "--json"))
    assert document["result"] == "would pass"
    assert world.client.get_registered_model("wanted").aliases == {}
    out = world.cli("promote", version.uri, "--to", "production")
    assert "passed by policy production" in out
    assert world.client.get_registered_model("wanted").aliases == {"production": version.version}
    document = json.loads(world.cli("promote", version.uri, "--to", "production", "--json"))
    assert document["result"] == "already there"
    assert document["digest"] == str(version.content)
    assert document["verdicts"][0]["result"] == "passed"


def test_a_stage(world: World) -> None:
    version = world.registered("stepped", "stepped")
    world.cli("promote", version.uri, "--to", "stage:Production", code=10)
    world.approve(version, "stage:Production")
    world.cli("promote", version.uri, "--to", "stage:Production")
    assert world.client.get_model_version("stepped", version.version).current_stage == "Production"


def test_what_nothing_guards(world: World) -> None:
    world.client.create_registered_model("unguarded")
    number = world.version("unguarded", "unguarded")
    out = world.cli("promote", f"models:/unguarded/{number}", "--to", "staging")
    assert "NO VERDICT was recorded" in out
    assert world.client.get_registered_model("unguarded").aliases == {"staging": number}


def test_a_server_without_a_gate_is_said_loudly(registry: LocalRegistry) -> None:
    version, _, _ = registry.attested("open", "open")
    out = cli(registry, "promote", f"models:/open/{version}", "--to", "production", code=1)
    assert "NO VERDICT of policy production stands for it" in out
    assert "NO VERDICT" in cli(registry, "promote", f"models:/open/{version}", "--to", "staging")
    cli(registry, "freeze", f"models:/open/{version}", code=1)
    assert "attestflow.freeze" not in registry.client.get_model_version("open", version).tags


def test_what_is_no_version(world: World) -> None:
    for target in ("models:/wanted@production", "wanted", "models:/wanted"):
        world.cli("promote", target, "--to", "production", code=1 if "@" not in target else 2)
    world.cli("promote", "models:/nowhere/1", "--to", "production", code=1)
    world.cli("freeze", "models:/nowhere/1", code=1)


def test_frozen_ahead_and_released(world: World) -> None:
    version = world.registered("frozen", "frozen")
    document = json.loads(world.cli("freeze", version.uri, "--json"))
    assert document["digest"] == str(version.content)
    again = json.loads(world.cli("freeze", version.uri, "--json"))
    assert again == document
    world.approve(version)
    world.cli("promote", version.uri, "--to", "production")
    refused = world.cli("freeze", version.uri, "--release", code=10)
    assert "stay frozen" in refused
    world.client.delete_registered_model_alias("frozen", "production")
    assert "released" in world.cli("freeze", version.uri, "--release")


def test_what_nobody_attested_is_not_frozen(world: World) -> None:
    world.client.create_registered_model("unattested")
    number = world.version("unattested", "unattested")
    assert "no functionary attested" in world.cli("freeze", f"models:/unattested/{number}", code=10)


def test_a_tag_that_names_promoted_bytes_is_not_believed(registry: LocalRegistry) -> None:
    """On a server without a gate anybody writes the tag; an old decision about other bytes is none about these."""
    from datetime import timedelta

    from attestflow.clock import utc_now

    _, _, good = registry.attested("believed", "good")
    registry.record(good, "believed", time=utc_now() - timedelta(hours=1))
    evil, _, _ = registry.attested("believed", "evil")
    registry.client.set_model_version_tag("believed", evil, "attestflow.content", str(good))
    for _ in range(2):  # promoted, then already there
        out = cli(registry, "promote", f"models:/believed/{evil}", "--to", "production", code=1)
        assert "NO VERDICT of policy production stands for it" in out
