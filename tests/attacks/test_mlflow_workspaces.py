"""Workspaces: one workspace's papers are none in another, and no model gets from one into another with its aliases."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from attestflow.testing.mlflow_server import ServerDidNotStart, mlflow_server

from .registry import Side, fresh, refused

pytestmark = [pytest.mark.mlflow, pytest.mark.slow]


@pytest.fixture(scope="module", params=["stock", "ours"])
def side(request: pytest.FixtureRequest, ours: Side, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    """A server with workspaces, stock or ours."""
    folder, gated = tmp_path_factory.mktemp("workspaces"), request.param == "ours"
    database = f"sqlite:///{folder / 'mlflow.db'}"
    arguments = ["--enable-workspaces", "--workspace-store-uri", f"attestflow:{database}" if gated else database]
    with mlflow_server(
        folder,
        gated=gated,
        config=ours.config if gated else None,
        environ={"ATTESTFLOW_HOME": str(ours.home)},
        arguments=tuple(arguments),
    ) as server:
        yield Side(server, ours.config if gated else None, ours.home)


def ask(side: Side, method: str, path: str, workspace: str | None = None, **body: Any) -> tuple[int, dict[str, Any]]:
    command = ["curl", "-s", "-X", method, "-w", "\n%{http_code}", "-H", "Content-Type: application/json"]
    command += ["-H", f"X-MLFLOW-WORKSPACE: {workspace}"] if workspace else []
    command += ["-d", json.dumps(body)] if body else []
    done = subprocess.run([*command, f"{side.server.url}/{path}"], capture_output=True, text=True, check=True)
    text, _, code = done.stdout.rpartition("\n")
    return int(code), json.loads(text) if text.startswith("{") else {}


def test_13_models_moved_by_the_deletion_of_their_workspace(side: Side) -> None:
    """In a workspace of one's own everything is allowed under a name that nobody guards there; then it is deleted."""
    workspace, name = fresh("ws"), fresh("credit")
    assert ask(side, "POST", "api/3.0/mlflow/workspaces", name=workspace)[0] in (200, 201)
    registry = "api/2.0/mlflow"
    assert ask(side, "POST", f"{registry}/registered-models/create", workspace, name=name)[0] == 200
    status, answer = ask(side, "DELETE", f"api/3.0/mlflow/workspaces/{workspace}?mode=SET_DEFAULT")
    moved = ask(side, "GET", f"{registry}/registered-models/get?name={name}")[0] == 200
    if side.config is None:
        assert status == 204
        assert moved
        return
    refused((status, answer))
    assert not moved
    assert ask(side, "DELETE", f"api/3.0/mlflow/workspaces/{workspace}?mode=CASCADE")[0] == 204


@pytest.mark.parametrize("side", ["ours"], indirect=True)
def test_a_promotion_in_a_workspace(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate holds in a workspace too, reads its files there, and says in the verdict which registry that is."""
    workspace = fresh("ws")
    assert ask(side, "POST", "api/3.0/mlflow/workspaces", name=workspace)[0] in (200, 201)
    monkeypatch.setenv("MLFLOW_WORKSPACE", workspace)
    name = fresh("credit")
    evil, good = side.version(name, attested=False), side.version(name, attested=True)
    alias = {"name": name, "alias": "production"}
    path = "api/2.0/mlflow/registered-models/alias"
    answer = ask(side, "POST", path, workspace, **alias, version=evil)
    refused(answer)
    assert answer[1]["attestflow"]["transition"]["registry"] == f"tests/{workspace}"
    assert ask(side, "POST", path, workspace, **alias, version=good)[0] == 200
    files = side.client.get_model_version_download_uri(name, good).removeprefix("mlflow-artifacts:/")
    put = f"api/2.0/mlflow-artifacts/artifacts/{files}/MLmodel"
    refused(ask(side, "PUT", put, workspace, poison="x"))
    assert ask(side, "PUT", put, "default", poison="x")[0] == 400  # MLflow itself: a path of another workspace


def test_the_gate_does_not_start_beside_workspaces_that_move_models(ours: Side, tmp_path: Any) -> None:
    with (
        pytest.raises(ServerDidNotStart, match="--workspace-store-uri attestflow:"),
        mlflow_server(tmp_path, config=ours.config, arguments=("--enable-workspaces",)),
    ):
        pass
