"""The parts that the demo is made of: what people see, a process for Airflow, the command line, curl."""

from __future__ import annotations

import json
import multiprocessing
import os
import runpy
import shlex
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
DAG_FILE = ROOT / "example_dags" / "breast_cancer.py"
MODEL = "breast-cancer"
MARKER = ".attestflow-demo"
TASKS = ("extract", "attest", "validate", "intruder", "train", "register", "gate")
RUN_SECONDS = 150  # a DAG run takes 20 on two cores


class SceneFailed(Exception):
    """A scene came out otherwise than it should."""


class Stage:
    """What people see."""

    def __init__(self) -> None:
        self.console = Console(highlight=False, soft_wrap=True)

    def title(self, text: str) -> None:
        self.console.print()
        self.console.print(Text(text, style="bold underline"))

    def say(self, text: str, style: str = "") -> None:
        self.console.print(Text(text, style=style))

    def tried(self, command: str) -> None:
        self.console.print(Text.assemble(("$ ", "cyan"), (command, "bold")))

    def came_back(self, text: str, style: str = "") -> None:
        for row in text.rstrip().splitlines():
            self.console.print(Text("    " + row.rstrip(), style=style))

    @contextmanager
    def working(self, text: str) -> Iterator[None]:
        start = time.monotonic()
        with self.console.status(Text(text)):
            yield
        self.say(f"{text} ({time.monotonic() - start:.0f} s)", "dim")


@dataclass(frozen=True)
class Answer:
    """What a server said: the HTTP status and the decoded JSON."""

    status: int
    body: Mapping[str, Any]

    @property
    def message(self) -> str:
        return str(self.body.get("message", json.dumps(self.body)))


def require(condition: object, what: str) -> None:
    """End the demo where something is not as it should be."""
    if not condition:
        raise SceneFailed(what)


def fresh_folder(folder: Path) -> None:
    """An empty folder, in place of what an earlier demo left; a folder that no demo made is not touched."""
    if folder.exists():
        require((folder / MARKER).is_file(), f"{folder} exists, and no demo made it: move it away")
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700)
    (folder / MARKER).touch()


@dataclass(frozen=True)
class Run:
    """What came of one DAG run: each task's state, and what it handed on."""

    states: Mapping[str, str]
    handed: Mapping[str, Any]
    verdict: Mapping[str, Any]


class Airflow:
    """A process of its own for Airflow, started anew, so that it never holds what this one knows.

    It gets ready while other things start. Use as a context manager: at the end the process is ended.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pool: Pool = multiprocessing.get_context("spawn").Pool(1)
        self._ready = self._pool.apply_async(_prepare, (folder,))

    def run(self, server: str, *, poison: bool) -> Run:
        """Run the example DAG there."""
        self._ready.get(RUN_SECONDS)
        run: Run = self._pool.apply_async(_run, (self._folder, server, poison)).get(RUN_SECONDS)
        return run

    def __enter__(self) -> Airflow:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.terminate()
        self._pool.join()


def _prepare(folder: Path) -> None:
    """In Airflow's process: a home of its own, its output in a file, its database."""
    log = os.open(folder / "airflow.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    from attestflow.testing.airflow import create_database, use_airflow_home

    use_airflow_home(folder / "airflow", dags=DAG_FILE.parent)
    create_database()


def _run(folder: Path, server: str, poison: bool) -> Run:
    """In Airflow's process: run the example DAG with `dag.test()`."""
    from attestflow.testing.airflow import run_dag

    os.environ["MLFLOW_TRACKING_URI"] = server
    dag = runpy.run_path(str(DAG_FILE), run_name="breast_cancer")["breast_cancer_dag"]
    outcome = run_dag(dag, {"folder": str(folder / "data"), "poison": poison})
    return Run(outcome.states, {task: outcome.xcom(task) for task in TASKS}, outcome.xcom("gate", "verdict") or {})


@dataclass
class Demo:
    """The parts that the scenes share."""

    folder: Path
    stage: Stage
    passphrase: bytes
    airflow: Airflow
    url: str = ""

    @property
    def settings(self) -> Path:
        return self.folder / "evidence" / "attestflow.toml"

    def attestflow(self, *arguments: str, passphrase_for: str | None = None) -> str:
        """Run the command line; the passphrase, where needed, goes through a pipe to this one process."""
        shown = ["attestflow", *arguments]
        command = [sys.executable, "-m", "attestflow.cli", *arguments]
        reader, writer = os.pipe()
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(self.passphrase if passphrase_for else b"")
        if passphrase_for:
            flag = ["--passphrase-fd", f"{passphrase_for}={reader}" if arguments[0] == "init" else str(reader)]
            command, shown = [*command, *flag], [*shown, *flag]
        self.stage.tried(shlex.join(shown))
        try:
            done = subprocess.run(
                command,
                cwd=self.folder,
                pass_fds=[reader] if passphrase_for else [],
                stdin=subprocess.DEVNULL,  # on a terminal it would ask
                capture_output=True,
                text=True,
            )
        finally:
            os.close(reader)
        require(done.returncode == 0, f"attestflow {arguments[0]} ended with {done.returncode}:\n{done.stderr}")
        return done.stdout

    def curl_alias(self, version: str) -> Answer:
        """Try to set the alias `production` with curl, or with what Python has where there is no curl."""
        url = f"{self.url}/api/2.0/mlflow/registered-models/alias"
        data = json.dumps({"name": MODEL, "alias": "production", "version": version})
        command = ["curl", "-sS", "-X", "POST", url, "-H", "Content-Type: application/json", "-d", data]
        self.stage.tried(shlex.join(command))
        if shutil.which("curl"):
            done = subprocess.run([*command, "-w", "\n%{http_code}"], capture_output=True, text=True, check=True)
            body, _, status = done.stdout.rpartition("\n")
            return Answer(int(status), json.loads(body or "{}"))
        self.stage.say("(no curl here: Python sends the same request)", "dim")
        request = urllib.request.Request(url, data.encode(), {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request) as answer:
                return Answer(answer.status, json.load(answer))
        except urllib.error.HTTPError as error:
            return Answer(error.code, json.load(error))

    def run_dag(self, *, poison: bool) -> Run:
        """Run the example DAG."""
        return self.airflow.run(self.url, poison=poison)

    def tell(self, run: Run) -> None:
        colours = {"success": "green", "skipped": "yellow"}
        for task in TASKS:
            state, value = run.states.get(task, "missing"), run.handed[task]
            digest = f"{value['name']} {value['digest'][:24]}…" if isinstance(value, dict) and "digest" in value else ""
            line = Text.assemble("    ", (f"{state:16}", colours.get(state, "red")), f"{task:10}", (digest, "dim"))
            self.stage.console.print(line)

    def alias(self) -> str | None:
        """The version that `production` names now."""
        from mlflow import MlflowClient

        versions: Mapping[str, Any] = MlflowClient(self.url).get_registered_model(MODEL).aliases
        return str(versions["production"]) if "production" in versions else None
