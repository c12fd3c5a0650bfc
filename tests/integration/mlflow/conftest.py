"""One gated server, and models logged to it with and without their papers."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from attestflow.cli import main
from attestflow.clock import format_time, utc_now
from attestflow.integrations.mlflow.registration.register import RegisteredVersion, register
from attestflow.integrations.mlflow.resolve import resolve
from attestflow.predicates import provenance, test_result
from attestflow.settings import Settings
from attestflow.subject import ResourceDescriptor, measure
from attestflow.testing.mlflow_server import MlflowServer, mlflow_server


@dataclass
class World:
    """A project made by `attestflow init`, a gated server, and what one does there."""

    folder: Path
    home: Path
    server: MlflowServer
    client: Any

    @property
    def settings(self) -> Settings:
        config = str(self.folder / "attestflow.toml")
        return Settings.load(environ={"ATTESTFLOW_HOME": str(self.home), "ATTESTFLOW_CONFIG": config})

    def cli(self, *arguments: str, code: int = 0) -> str:
        """The command line in this process, where MLflow is loaded already; returns what it prints."""
        environ = {"ATTESTFLOW_HOME": str(self.home), "MLFLOW_TRACKING_URI": self.server.url}
        out, err = io.StringIO(), io.StringIO()
        before = {name: os.environ.get(name) for name in environ}
        os.environ.update(environ)
        try:
            with contextlib.chdir(self.folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                main(list(arguments))
        except SystemExit as ended:
            assert (ended.code or 0) == code, f"{arguments}\n{out.getvalue()}\n{err.getvalue()}"
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
        return out.getvalue()

    def version(self, name: str, text: str) -> str:
        """A version of `name` without any papers; returns its number."""
        uri = self.logged(text)
        made = self.client.create_model_version(name, uri, model_id=uri.removeprefix("models:/"))
        return str(made.version)

    def logged(self, text: str) -> str:
        """Log a small real model; returns its URI (models:/m-…)."""
        import mlflow

        mlflow.set_tracking_uri(self.server.url)
        mlflow.set_experiment("tests")

        class Echo(mlflow.pyfunc.PythonModel):  # type: ignore[misc,name-defined]
            def predict(self, context: Any, model_input: list[str], params: Any = None) -> list[str]:
                return model_input

        (self.folder / "weights.txt").write_text(text)
        with mlflow.start_run():
            info = mlflow.pyfunc.log_model(
                name="model",
                python_model=Echo(),
                artifacts={"weights": str(self.folder / "weights.txt")},
                pip_requirements=["mlflow"],
            )
        return str(info.model_uri)

    def trained(self, text: str) -> str:
        """Log a model and sign what an honest pipeline signs: data, validation, training, the model's bytes."""
        data = self.folder / "data" / text
        data.mkdir(parents=True)
        (data / "train.csv").write_text(f"x,y\n1,{text}\n")
        uri = self.logged(text)
        pipeline, validation = self.settings.attester("pipeline"), self.settings.attester("validation")
        read, made = measure(data), measure(resolve(uri, self.server.url), name="model")
        pipeline.attest_content(read, kind="dataset")
        suite = ResourceDescriptor(name="suite", digest={"sha256": "ab" * 32})
        result = test_result.TestResult("PASSED", (suite,), passed_tests=("not_null",))
        validation.attest_predicate([read.descriptor()], test_result.PREDICATE_TYPE, result.to_json())
        pipeline.attest_content(made, kind="model")
        now = format_time(utc_now())
        run = provenance.Provenance(
            build_type=provenance.BUILD_TYPE_TRAINING,
            external_parameters={"seed": 7},
            builder_id="https://example.com/builder",
            inputs=(read.descriptor(),),
            started_on=now,
            finished_on=now,
        )
        pipeline.attest_predicate([made.descriptor()], provenance.PREDICATE_TYPE, run.to_json())
        return uri

    def registered(self, name: str, text: str) -> RegisteredVersion:
        """An honest version of `name` with all its papers but the approval."""
        return register(
            self.trained(text), name, attester=self.settings.attester("pipeline"), tracking_uri=self.server.url
        )

    def approve(self, version: RegisteredVersion, to: str = "production", *more: str) -> None:
        """The owner approves this version."""
        self.cli("approve", version.uri, "--for", f"models:/{version.name}", "--to", to, "--yes", *more)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder, home = tmp_path_factory.mktemp("mlflow"), tmp_path_factory.mktemp("home")
    environ = {**os.environ, "ATTESTFLOW_HOME": str(home)}
    made = subprocess.run(
        [sys.executable, "-m", "attestflow.cli", "init", str(folder), "--registry", "tests"],
        env=environ,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert made.returncode == 0, made.stderr
    config = folder / "attestflow.toml"
    with mlflow_server(folder / "server", config=config, environ={"ATTESTFLOW_HOME": str(home)}) as server:
        from mlflow import MlflowClient

        yield World(folder, home, server, MlflowClient(server.url))
