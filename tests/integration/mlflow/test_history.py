"""`attestflow history`: what happened to production, from signed records alone."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from attestflow.clock import utc_now

from .conftest import World
from .local_registry import LocalRegistry, cli, local_registry

pytestmark = [pytest.mark.mlflow, pytest.mark.slow]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> LocalRegistry:
    return local_registry(tmp_path_factory)


def told(registry: LocalRegistry, target: str, **environ: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(cli(registry, "history", target, "--json", **environ))["decisions"]
    return found


def test_refused_promoted_replaced_and_back(world: World) -> None:
    first, second = world.registered("past", "past-1"), world.registered("past", "past-2")
    put = world.client.set_registered_model_alias
    with pytest.raises(Exception, match="not approved"):
        put("past", "production", first.version)
    for version in (first, second, first):
        world.approve(version)
        put("past", "production", version.version)
    told = json.loads(world.cli("history", "models:/past@production", "--json"))
    rows = told["decisions"]
    assert [(row["result"], row["effect"]) for row in rows] == [
        ("denied", "refused"),
        *[("passed", "took effect")] * 3,
    ]
    assert [row["digest"] for row in rows[1:]] == [str(each.content) for each in (first, second, first)]
    assert [row["from"] for row in rows[1:]] == [None, str(first.content), str(second.content)]
    assert [row["approvedBy"] for row in rows] == [[], *[["owner"]] * 3]
    assert [row["version"] for row in rows[1:]] == ["1", "2", "1"]
    assert told["now"] == str(first.content)
    assert "approved: not approved by owner" in rows[0]["denied"][0]
    assert all(row["policy"]["name"] == "production" and row["signedBy"] == "verifier" for row in rows)
    out = world.cli("history", "models:/past@Production")  # spelt otherwise, the same alias
    assert out.count("took effect") == 3
    assert "approved by  owner" in out


def test_a_promotion_that_was_never_written(registry: LocalRegistry) -> None:
    """The server died between its decision and the database: the next decision found something else there."""
    version, _, first = registry.attested("died", "first")
    _, _, second = registry.attested("died", "second")
    start = utc_now() - timedelta(minutes=1)
    registry.record(first, "died", time=start)
    registry.record(second, "died", time=start + timedelta(seconds=1), production=first)
    registry.record(first, "died", time=start + timedelta(seconds=2), production=first)
    registry.client.set_registered_model_alias("died", "production", version)
    effects = [row["effect"] for row in told(registry, "models:/died@production")]
    assert effects == ["took effect", "did not take effect", "took effect"]


def test_the_last_one_is_what_is_there_now(registry: LocalRegistry) -> None:
    version, _, content = registry.attested("last", "last")
    registry.decide(content, "last")
    assert [row["effect"] for row in told(registry, "models:/last@production")] == ["did not take effect"]
    registry.client.set_registered_model_alias("last", "production", version)
    assert [row["effect"] for row in told(registry, "models:/last@production")] == ["took effect"]
    gone = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    assert [row["effect"] for row in told(registry, "models:/last@production", **gone)] == ["unknown"]


def test_stages_have_a_history_too(registry: LocalRegistry) -> None:
    version, _, content = registry.attested("staged", "staged")
    registry.decide(content, "staged", "stage:Production")
    registry.client.transition_model_version_stage("staged", version, "Production")
    assert [row["effect"] for row in told(registry, "models:/staged/Production")] == ["took effect"]
    assert told(registry, "models:/staged@production") == []


def test_what_somebody_filed_there_is_listed_and_does_not_count(registry: LocalRegistry) -> None:
    from attestflow.testing.trust import new_signer

    _, _, content = registry.attested("forged", "forged")
    registry.record(content, "forged", signer=new_signer())
    document = json.loads(cli(registry, "history", "models:/forged@production", "--json"))
    assert document["decisions"] == []
    assert "no functionary has the key" in document["rejected"][0]["reason"]
    assert "does not count" in cli(registry, "history", "models:/forged@production")


def test_a_version_has_no_history(registry: LocalRegistry) -> None:
    cli(registry, "history", "models:/last/1", code=2)
    cli(registry, "history", "last", code=1)
