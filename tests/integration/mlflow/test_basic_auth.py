"""MLflow's stock `--app-name basic-auth` in front: who asked stands in the verdict, and who is nobody is not heard."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from attestflow.testing.mlflow_server import MlflowServer, mlflow_server

from .conftest import World

pytestmark = [pytest.mark.mlflow, pytest.mark.slow]

ADMIN, PASSWORD = "owner-of-models", secrets.token_urlsafe(16)


@pytest.fixture(scope="module")
def server(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """The gated server of the world's settings, with users."""
    folder = tmp_path_factory.mktemp("auth")
    config = folder / "auth.ini"
    config.write_text(
        "[mlflow]\ndefault_permission = READ\n"
        f"database_uri = sqlite:///{folder / 'auth.db'}\nadmin_username = {ADMIN}\nadmin_password = {PASSWORD}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    environ = {
        "ATTESTFLOW_HOME": str(world.home),
        "MLFLOW_AUTH_CONFIG_PATH": str(config),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(16),
    }
    arguments = ("--app-name", "basic-auth")
    with mlflow_server(
        folder, config=world.folder / "attestflow.toml", environ=environ, arguments=arguments
    ) as running:
        yield running


@pytest.fixture
def as_admin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", ADMIN)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)


def curl(server: MlflowServer, user: str | None, path: str, **body: Any) -> tuple[int, dict[str, Any]]:
    command = ["curl", "-s", "-w", "\n%{http_code}", "-H", "Content-Type: application/json", "-d", json.dumps(body)]
    command += ["-u", user] if user else []
    done = subprocess.run([*command, f"{server.url}/api/2.0/mlflow/{path}"], capture_output=True, text=True, check=True)
    text, _, code = done.stdout.rpartition("\n")
    return int(code), json.loads(text) if text.startswith("{") else {}


def test_who_asked_stands_in_the_verdict(server: MlflowServer, world: World, as_admin: None) -> None:
    import mlflow
    from mlflow import MlflowClient

    mlflow.set_tracking_uri(server.url)
    mlflow.set_experiment("auth")
    with mlflow.start_run() as run:
        mlflow.log_text("weights", "model/MLmodel")
    client = MlflowClient(server.url)
    client.create_registered_model("guarded")
    client.create_model_version("guarded", f"{run.info.artifact_uri}/model", run_id=run.info.run_id)
    body = {"name": "guarded", "alias": "production", "version": "1"}

    status, told = curl(server, f"{ADMIN}:{PASSWORD}", "registered-models/alias", **body)
    assert status == 403
    assert told["attestflow"]["actor"] == ADMIN
    assert told["attestflow"]["attestation"]
    recorded = world.cli("show", told["attestflow"]["subject"], "--json")
    assert f'"actor": "{ADMIN}"' in recorded
    log = server.log.read_text()
    assert f'asked by "{ADMIN}"' in log

    before = log.count("refused")
    for user in (None, f"{ADMIN}:wrong", "stranger:x"):
        status, told = curl(server, user, "registered-models/alias", **body)
        assert status == 401
        assert "attestflow" not in told
    assert server.log.read_text().count("refused") == before, "the gate decided for nobody"
    assert client.get_registered_model("guarded").aliases == {}


def test_a_user_who_may_not_change_a_model_reaches_no_gate(server: MlflowServer, as_admin: None) -> None:
    """MLflow's own permissions stand before ours, and a reader cannot freeze or free anything."""
    from mlflow.server.auth.client import AuthServiceClient

    password = secrets.token_urlsafe(16)
    AuthServiceClient(server.url).create_user("reader", password)
    status, told = curl(server, f"reader:{password}", "registered-models/alias", name="guarded", alias="x", version="1")
    assert status == 403
    assert "attestflow" not in told
    command = {"name": "guarded", "version": "1", "key": "attestflow.freeze", "value": ""}
    status, told = curl(server, f"reader:{password}", "model-versions/set-tag", **command)
    assert status == 403
    assert "attestflow" not in told
