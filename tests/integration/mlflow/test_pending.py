"""`attestflow pending`: what waits for an owner, in a real registry."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import World

pytestmark = [pytest.mark.mlflow, pytest.mark.slow]


def rows(world: World, name: str, *more: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(world.cli("pending", "--model", name, "--json", *more))["pending"]
    return found


def test_what_waits_for_whom(world: World) -> None:
    version = world.registered("waiting", "waiting")
    mine = rows(world, "waiting")
    assert {(row["version"], row["to"], row["state"]) for row in mine} == {
        (version.version, "alias:production", "yours"),
        (version.version, "stage:Production", "yours"),
    }
    assert mine[0]["digest"] == str(version.content)
    told = world.cli("pending", "--model", "waiting")
    assert "WAITS FOR YOU  models:/waiting" in told
    assert f"attestflow approve {version.uri} --for models:/waiting --to production" in told
    world.approve(version)
    states = {row["to"]: row["state"] for row in rows(world, "waiting", "--all")}
    assert states == {"alias:production": "ready", "stage:Production": "yours"}
    world.cli("promote", version.uri, "--to", "production")
    assert "alias:production" not in {row["to"] for row in rows(world, "waiting", "--all")}
    second = world.registered("waiting", "waiting again")
    assert {row["version"] for row in rows(world, "waiting") if row["to"] == "alias:production"} == {second.version}


def test_what_does_not_wait_for_an_owner(world: World) -> None:
    world.client.create_registered_model("unready")
    number = world.version("unready", "unready")
    assert rows(world, "unready") == []
    (alias, _) = rows(world, "unready", "--all")
    assert (alias["version"], alias["state"]) == (number, "unknown")
    assert "was not registered through attestflow" in alias["problem"]
    assert "nothing waits for owner" in world.cli("pending", "--model", "unready")
    assert rows(world, "no-such-model-*", "--all") == []


def test_differences_are_shown_where_something_is_in_production(world: World) -> None:
    first = world.registered("compared", "compared")
    world.approve(first)
    world.cli("promote", first.uri, "--to", "production")
    second = world.registered("compared", "compared otherwise")
    told = world.cli("approve", second.uri, "--for", "models:/compared", "--to", "production", "--yes")
    assert "What differs from what is in production now" in told
    assert "weights.txt" in told
    assert "files:" in world.cli("diff", second.uri, "--for", "models:/compared", "--to", "production")
