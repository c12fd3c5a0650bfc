"""A registry as an attacker sees it: a server's address, curl on both API prefixes, and a plain MlflowClient."""

from __future__ import annotations

import itertools
import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from attestflow.cli.scaffold import scaffold
from attestflow.clock import format_time, utc_now
from attestflow.integrations.mlflow.resolve import resolve
from attestflow.settings import Settings
from attestflow.subject import measure
from attestflow.testing.mlflow_server import MlflowServer
from attestflow.verification.signed_document import sign_document, signature_path

PROTECTS = [
    {"models": ["credit-*"], "aliases": ["production"], "stages": ["Production"]},
    {"models": ["live-*"], "aliases": ["latest"]},  # a model whose every version is served
]
_PATHS = {
    "alias": ("POST", "registered-models/alias"),
    "stage": ("POST", "model-versions/transition-stage"),
    "create": ("POST", "model-versions/create"),
    "rename": ("POST", "registered-models/rename"),
    "delete": ("DELETE", "registered-models/delete"),
    "tag": ("POST", "model-versions/set-tag"),
}
_numbers = itertools.count(1)


@dataclass
class Side:
    """One server, and what anybody who reaches it can do."""

    server: MlflowServer
    config: Path | None
    home: Path

    @property
    def client(self) -> Any:
        from mlflow import MlflowClient

        return MlflowClient(self.server.url)

    def settings(self) -> Settings:
        return Settings.load(config=self.config, environ={"ATTESTFLOW_HOME": str(self.home)})

    def model(self, text: str, *, attested: bool) -> str:
        """A logged model whose bytes are `text`; its URI."""
        import mlflow

        class Echo(mlflow.pyfunc.PythonModel):  # type: ignore[misc,name-defined]
            def predict(self, context: Any, model_input: list[str], params: Any = None) -> list[str]:
                return model_input

        mlflow.set_tracking_uri(self.server.url)
        mlflow.set_experiment("ways")
        weights = self.home / "weights.txt"
        weights.write_text(text)
        with mlflow.start_run():
            logged = mlflow.pyfunc.log_model(
                name="model", python_model=Echo(), artifacts={"weights": str(weights)}, pip_requirements=["mlflow"]
            )
        uri = str(logged.model_uri)
        if attested and self.config is not None:
            measured = measure(resolve(uri, self.server.url), name="model")
            self.settings().attester("pipeline").attest_content(measured, kind="model")
        return uri

    def version(self, name: str, *, attested: bool) -> str:
        """A version of `name`, new bytes each time."""
        from mlflow.exceptions import MlflowException

        try:
            self.client.create_registered_model(name)
        except MlflowException as exc:
            assert exc.error_code == "RESOURCE_ALREADY_EXISTS"
        uri = self.model(f"{name} {next(_numbers)}", attested=attested)
        return str(self.client.create_model_version(name, uri, model_id=uri.removeprefix("models:/")).version)

    def versions(self, names: list[str], count: int, *, attested: Callable[[int], bool]) -> list[tuple[str, str]]:
        """`count` versions of the models `names` in turn, each of its own bytes and quickly made; (model, number)."""
        import mlflow

        mlflow.set_tracking_uri(self.server.url)
        mlflow.set_experiment("ways")
        for name in names:
            self.client.create_registered_model(name)
        made = []
        with mlflow.start_run() as run:
            root = str(run.info.artifact_uri)
            for index in range(count):
                mlflow.log_text(f"{names[0]} {index}", f"m{index}/MLmodel")
        for index in range(count):
            name, place = names[index % len(names)], f"{root}/m{index}"
            number = self.client.create_model_version(name, place, run_id=run.info.run_id).version
            made.append((name, str(number)))
            if attested(index):
                folder = self.server.artifacts / place.removeprefix("mlflow-artifacts:/")
                self.settings().attester("pipeline").attest_content(measure(folder, name=name), kind="model")
        return made

    def aliases(self, name: str) -> dict[str, str]:
        return dict(self.client.get_registered_model(name).aliases)

    def call(self, via: str, verb: str, **body: Any) -> tuple[int, dict[str, Any]]:
        """One request by curl on the prefix `via`, or by a plain client; status and answer."""
        if via == "client":
            return self._by_client(verb, body)
        method, path = _PATHS[verb]
        command = ["curl", "-s", "-X", method, "-H", "Content-Type: application/json", "-d", json.dumps(body)]
        command += ["-w", "\n%{http_code}", f"{self.server.url}/{via}/2.0/mlflow/{path}"]
        text, _, code = subprocess.run(command, capture_output=True, text=True, check=True).stdout.rpartition("\n")
        return int(code), json.loads(text or "{}")

    def _by_client(self, verb: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        from mlflow.exceptions import RestException

        client = self.client
        methods: dict[str, Callable[..., Any]] = {
            "alias": client.set_registered_model_alias,
            "stage": client.transition_model_version_stage,
            "create": client.create_model_version,
            "rename": client.rename_registered_model,
            "delete": client.delete_registered_model,
            "tag": client.set_model_version_tag,
        }
        try:
            methods[verb](**body)
        except RestException as exc:
            return exc.get_http_status_code(), exc.json
        return 200, {}


def eventually(check: Callable[[], bool], seconds: float = 10) -> bool:
    """Whether something comes to hold: notices are written right after the answer, not before it."""
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def guarded_settings(folder: Path, home: Path) -> Path:
    """Settings that `init` would write, with a policy that asks for one thing: that the pipeline attested the bytes."""
    environ = {"ATTESTFLOW_HOME": str(home)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATTESTFLOW_HOME", str(home))
        made = scaffold(folder, registry="tests", store="attestations", passphrases={})
    policy = folder / "policies" / "production.yaml"
    document = {
        **yaml.safe_load(policy.read_text()),
        "version": 2,
        "expires": format_time(utc_now() + timedelta(days=1)),
        "protects": PROTECTS,
        "rules": [{"rule": "content-attested", "by": ["pipeline"]}],
    }
    data = yaml.safe_dump(document).encode()
    policy.write_bytes(data)
    settings = Settings.load(config=made.settings, environ=environ)
    signature_path(policy).write_bytes(sign_document(data, policy.name, settings.signer("root")))
    return Path(made.settings)


def fresh(word: str) -> str:
    return f"{word}-{next(_numbers)}"


def refused(answer: tuple[int, dict[str, Any]]) -> None:
    """403, words for people, findings for programs."""
    status, told = answer
    assert status == 403, told
    assert told["error_code"] == "PERMISSION_DENIED"
    assert told["message"].startswith("attestflow")
    assert told["attestflow"]["result"] == "denied"
    assert told["attestflow"]["findings"]


def in_production(side: Side, name: str) -> None:
    """Honestly: ours asks for evidence, and has it."""
    side.client.set_registered_model_alias(name, "production", side.version(name, attested=True))
