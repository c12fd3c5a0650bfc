"""`attestflow audit`: what was changed behind the gate is found, and what cannot be looked at is no pass."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from attestflow.clock import utc_now
from attestflow.verdict import Finding

from .conftest import World
from .local_registry import LocalRegistry, cli, local_registry

pytestmark = [pytest.mark.mlflow, pytest.mark.slow]


PROTECTS = [{"models": ["*"], "aliases": ["production"], "stages": ["Production"]}]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> LocalRegistry:
    made = local_registry(tmp_path_factory)
    made.sign_policy(protects=PROTECTS)
    return made


def promoted(registry: LocalRegistry, name: str, text: str, to: str = "production") -> tuple[str, Path, Any]:
    version, files, content = registry.attested(name, text)
    registry.decide(content, name, f"alias:{to}")
    registry.client.set_registered_model_alias(name, to, version)
    return version, files, content


def found(registry: LocalRegistry, code: int, pattern: str) -> dict[str, dict[str, Any]]:
    """What audit finds, by model."""
    rows = json.loads(cli(registry, "audit", "--model", pattern, "--json", code=code))["found"]
    return {row["model"]: row for row in rows}


def test_as_recorded(registry: LocalRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, content = promoted(registry, "kept", "good")
    registry.attested("kept-unpromoted", "other")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    rows = found(registry, 0, "kept*")
    assert list(rows) == ["kept"]
    assert rows["kept"]["state"] == "ok"
    assert rows["kept"]["digest"] == str(content)
    assert rows["kept"]["decision"]["attestation"]
    assert list(tmp_path.iterdir()) == []
    assert "1 as recorded, 0 not" in cli(registry, "audit", "--model", "kept")


def test_never_promoted(registry: LocalRegistry) -> None:
    promoted(registry, "never", "good")
    version, _, _ = registry.attested("never", "evil")
    registry.client.set_registered_model_alias("never", "production", version)
    row = found(registry, 10, "never")["never"]
    assert (row["state"], row["version"]) == ("never", version)
    out = cli(registry, "audit", "--model", "never", code=10)
    assert "NEVER" in out
    assert "hint:" in out


def test_a_look_alike_and_a_stage_are_looked_at(registry: LocalRegistry) -> None:
    version, _, _ = registry.attested("alike", "evil")
    registry.client.set_registered_model_alias("alike", "Production", version)
    assert found(registry, 10, "alike")["alike"]["to"] == "alias:Production"
    registry.client.delete_registered_model_alias("alike", "Production")
    registry.client.transition_model_version_stage("alike", version, "Production")
    assert found(registry, 10, "alike")["alike"]["to"] == "stage:Production"


def test_files_changed_after_the_promotion(registry: LocalRegistry) -> None:
    version, files, content = promoted(registry, "changed", "good")
    registry.client.set_model_version_tag("changed", version, "attestflow.content", str(content))
    next(files.rglob("weights.txt")).write_text("evil")
    (files / "extra.py").write_text("")
    row = found(registry, 10, "changed")["changed"]
    assert row["state"] == "changed"
    assert {change["file"] for change in row["changed"]} == {"artifacts/weights.txt", "extra.py"}
    assert "artifacts/weights.txt" in cli(registry, "audit", "--model", "changed", code=10)


def test_put_back_behind_the_gate(registry: LocalRegistry) -> None:
    first, _, content = registry.attested("back", "first")
    registry.record(content, "back", time=utc_now() - timedelta(seconds=30))
    promoted(registry, "back", "second")
    registry.client.set_registered_model_alias("back", "production", first)
    assert found(registry, 10, "back")["back"]["state"] == "replaced"


def test_expired_and_withdrawn(registry: LocalRegistry) -> None:
    for name in ("gone-expired", "gone-withdrawn"):
        version, _, content = registry.attested(name, name)
        registry.client.set_registered_model_alias(name, "production", version)
        if name == "gone-expired":
            registry.record(content, name, expires=utc_now() - timedelta(seconds=1))
        else:
            registry.record(content, name, time=utc_now() - timedelta(seconds=9))
            denial = (Finding("vulnerabilities", "denied", "a bad one was found"),)
            registry.record(content, name, passed=False, findings=denial, production=content)
    rows = found(registry, 10, "gone-*")
    assert {name: row["state"] for name, row in rows.items()} == {"gone-expired": "expired", "gone-withdrawn": "denied"}
    assert "a bad one was found" in rows["gone-withdrawn"]["message"]


def test_promoted_while_the_policy_only_warned(registry: LocalRegistry) -> None:
    registry.sign_policy(mode="warn", protects=PROTECTS, rules=[{"rule": "ml-bom", "by": ["pipeline"]}])
    try:
        promoted(registry, "warned", "good")
        row = found(registry, 0, "warned")["warned"]
    finally:
        registry.sign_policy(mode="enforce", protects=PROTECTS)
    assert row["state"] == "warned"
    assert "ml-bom" in row["message"]
    assert found(registry, 10, "warned")["warned"]["state"] == "denied"


def test_what_cannot_be_read_is_no_pass(registry: LocalRegistry) -> None:
    promoted(registry, "read-good", "good")
    _, files, _ = promoted(registry, "read-lost", "lost")
    shutil.rmtree(files)
    rows = found(registry, 1, "read-*")
    assert {name: row["state"] for name, row in rows.items()} == {"read-good": "ok", "read-lost": "unreadable"}
    assert list(found(registry, 0, "READ-go*")) == ["read-good"]


def test_a_model_marked_as_a_prompt_is_not_hidden(registry: LocalRegistry) -> None:
    version, _, _ = registry.attested("prompt", "evil")
    registry.client.set_registered_model_alias("prompt", "production", version)
    registry.client.set_registered_model_tag("prompt", "mlflow.prompt.is_prompt", "true")
    assert found(registry, 10, "prompt")["prompt"]["state"] == "never"


def test_a_policy_that_is_broken_stops_it(registry: LocalRegistry) -> None:
    promoted(registry, "broken", "good")
    policy = registry.folder / "policies" / "production.yaml"
    good = policy.read_bytes()
    policy.write_bytes(good + b"\n")
    try:
        cli(registry, "audit", code=4)
    finally:
        policy.write_bytes(good)


def test_a_registry_that_does_not_answer(registry: LocalRegistry) -> None:
    cli(registry, "audit", "http://127.0.0.1:9", code=1, MLFLOW_HTTP_REQUEST_MAX_RETRIES="0")


def test_a_gated_server_and_what_is_done_behind_it(world: World) -> None:
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

    version = world.registered("audited", "audited")
    world.approve(version)
    world.client.set_registered_model_alias("audited", "production", version.version)

    def states(code: int, *uri: str) -> list[tuple[str, str]]:
        rows = json.loads(world.cli("audit", *uri, "--model", "audited", "--json", code=code))["found"]
        return [(row["version"], row["state"]) for row in rows]

    assert states(0) == [(version.version, "ok")]
    database = f"sqlite:///{world.folder / 'server' / 'mlflow.db'}"
    assert states(0, database, "--tracking-uri", world.server.url) == [(version.version, "ok")]
    assert states(0, world.server.url.replace("http", "attestflow+http")) == [(version.version, "ok")]
    # (12) Somebody writes to the database.
    evil = world.version("audited", "evil")
    SqlAlchemyStore(database).set_registered_model_alias("audited", "production", int(evil))
    assert states(10) == [(evil, "never")]
    SqlAlchemyStore(database).set_registered_model_alias("audited", "production", int(version.version))
    assert states(0) == [(version.version, "ok")]
    # Somebody writes to the disk.
    (weights,) = [path for path in world.server.artifacts.rglob("weights.txt") if path.read_text() == "audited"]
    weights.write_text("poison!")
    try:
        assert states(10) == [(version.version, "changed")]
    finally:
        weights.write_text("audited")


def test_in_a_workspace(registry: LocalRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each workspace is a registry of its own; audit, history and loading name it as the gate does."""
    import urllib.request

    import mlflow
    from mlflow.exceptions import MlflowException

    from attestflow.integrations.mlflow import load_model
    from attestflow.subject import measure
    from attestflow.testing.mlflow_server import mlflow_server

    database = f"sqlite:///{tmp_path / 'mlflow.db'}"
    arguments = ("--enable-workspaces", "--workspace-store-uri", f"attestflow:{database}")
    config, environ = registry.folder / "attestflow.toml", {"ATTESTFLOW_HOME": str(registry.home)}
    with mlflow_server(tmp_path, config=config, environ=environ, arguments=arguments) as server:
        body = json.dumps({"name": "team"}).encode()
        request = urllib.request.Request(f"{server.url}/api/3.0/mlflow/workspaces", body)
        request.add_header("Content-Type", "application/json")
        urllib.request.urlopen(request).close()
        monkeypatch.setenv("MLFLOW_WORKSPACE", "team")
        client = mlflow.MlflowClient(server.url)
        mlflow.set_tracking_uri(server.url)
        mlflow.set_experiment("in the team")

        class Echo(mlflow.pyfunc.PythonModel):  # type: ignore[misc,name-defined]
            def predict(self, context: Any, model_input: list[str], params: Any = None) -> list[str]:
                return model_input

        with mlflow.start_run():
            info = mlflow.pyfunc.log_model(name="model", python_model=Echo(), pip_requirements=["mlflow"])
        files = Path(mlflow.artifacts.download_artifacts(str(client.get_logged_model(info.model_id).artifact_location)))
        registry.settings.attester("pipeline").attest_content(measure(files, name="ours"), kind="model")
        client.create_registered_model("ours")
        version = client.create_model_version("ours", info.model_uri, model_id=info.model_id).version
        at = {"MLFLOW_TRACKING_URI": server.url}
        assert "NEVER" not in cli(registry, "audit", **at)
        cli(registry, "promote", f"models:/ours/{version}", "--to", "production", **at)
        monkeypatch.delenv("MLFLOW_WORKSPACE")
        row = json.loads(cli(registry, "audit", "--workspace", "team", "--json", **at))["found"][0]
        assert (row["model"], row["state"]) == ("ours", "ok")
        assert json.loads(cli(registry, "audit", "--json", **at))["found"] == []
        told = json.loads(cli(registry, "history", "models:/ours@production", "--workspace", "team", "--json", **at))
        assert told["transition"]["registry"] == "tests/team"
        assert [each["effect"] for each in told["decisions"]] == ["took effect"]
        with registry.loading(None):
            with pytest.raises(MlflowException):
                load_model("models:/ours@production")
            monkeypatch.setenv("MLFLOW_WORKSPACE", "team")
            assert load_model("models:/ours@production").predict(["x"]) == ["x"]
