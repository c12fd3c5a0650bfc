"""`make demo`: the main job on this machine, and four scenes about who may promote what.

A real MLflow server on loopback, a real Airflow DAG run by `dag.test()`, real keys. Everything lies in ./demo-run, which
is made anew each time. Exits 0 only if every scene comes out as it should.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import runpy
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from multiprocessing.pool import Pool

ROOT = Path(__file__).resolve().parents[1]
DAG_FILE = ROOT / "example_dags" / "breast_cancer.py"
MODEL = "breast-cancer"
MARKER = ".attestflow-demo"
TASKS = ("extract", "attest", "validate", "intruder", "train", "register", "gate")


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


def prepare_airflow(folder: Path) -> None:
    """In Airflow's process: a home of its own, its output in a file, its database."""
    log = os.open(folder / "airflow.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    from attestflow.testing.airflow import create_database, use_airflow_home

    use_airflow_home(folder / "airflow", dags=DAG_FILE.parent)
    create_database()


def run_dag_there(folder: Path, server: str, poison: bool) -> Run:
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
    airflow: Pool
    url: str = ""

    @property
    def settings(self) -> Path:
        return self.folder / "evidence" / "attestflow.toml"

    def attestflow(self, *arguments: str, passphrase_for: str | None = None, quiet: bool = False) -> str:
        """Run the command line; the passphrase, where needed, goes through a pipe to this one process."""
        shown = ["attestflow", *arguments]
        command = [sys.executable, "-m", "attestflow.cli", *arguments]
        reader, writer = os.pipe()
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(self.passphrase if passphrase_for else b"")
        if passphrase_for:
            flag = ["--passphrase-fd", f"{passphrase_for}={reader}" if arguments[0] == "init" else str(reader)]
            command, shown = [*command, *flag], [*shown, *flag]
        if not quiet:
            self.stage.tried(shlex.join(shown))
        try:
            done = subprocess.run(
                command, cwd=self.folder, pass_fds=[reader] if passphrase_for else [], capture_output=True, text=True
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
        """Run the example DAG, and tell what came of each task."""
        run: Run = self.airflow.apply(run_dag_there, (self.folder, self.url, poison))
        return run

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


def first_run(demo: Demo) -> str:
    """The main job; returns the version that it registered."""
    demo.stage.title("The main job: extract, attest, validate, train, register, ask the gate")
    demo.stage.tried("airflow dags test breast_cancer   # the same dag.test()")
    with demo.stage.working("Airflow runs the DAG"):
        run = demo.run_dag(poison=False)
    demo.tell(run)
    require(run.states["register"] == "success", "the model is not registered: see demo-run/airflow.log")
    require(run.states["gate"] == "skipped", "the gate must not pass before an owner approved")
    denied = [finding for finding in run.verdict["findings"] if finding["outcome"] == "denied"]
    require([finding["rule"] for finding in denied] == ["approved"], f"denied for other reasons: {denied}")
    demo.stage.say(f"The gate misses one thing, and so the last task skipped: {denied[0]['message']}.", "yellow")
    return version_of(run)


def version_of(run: Run) -> str:
    return str(run.handed["register"]["uri"]).rpartition("/")[2]


def scene_refused(demo: Demo, version: str) -> None:
    """Nobody promotes past the server."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    demo.stage.title("Scene 1: curl and a plain MLflow client try to promote it")
    answer = demo.curl_alias(version)
    demo.stage.came_back(f"HTTP {answer.status}\n{answer.message}", "red")
    require(answer.status == 403 and "approved" in answer.message, "curl must be refused with the findings")
    demo.stage.tried(f'python -c \'MlflowClient().set_registered_model_alias("{MODEL}", "production", {version})\'')
    try:
        MlflowClient(demo.url).set_registered_model_alias(MODEL, "production", version)
    except MlflowException as error:
        status = error.get_http_status_code()
        demo.stage.came_back(f"MlflowException (HTTP {status})\n{error.message}", "red")
        require(status == 403 and "approved" in str(error.message), "the client must be refused with the findings")
    else:
        raise SceneFailed("a plain MlflowClient set the alias")
    require(demo.alias() is None, "the alias must not be set")


def scene_approved(demo: Demo, version: str) -> None:
    """The owner's signature opens the gate for these bytes, and no others."""
    demo.stage.title("Scene 2: the owner approves")
    demo.stage.came_back(approve(demo, version))
    answer = demo.curl_alias(version)
    demo.stage.came_back(f"HTTP {answer.status} {answer.message}", "green")
    require(answer.status == 200 and demo.alias() == version, "the approved version must become production")


def approve(demo: Demo, version: str) -> str:
    target = ["approve", f"models:/{MODEL}/{version}", "--for", f"models:/{MODEL}", "--to", "production", "--yes"]
    return demo.attestflow(*target, passphrase_for="owner")


def scene_poisoned(demo: Demo, version: str) -> None:
    """Labels flipped on the disk between validation and training: even the owner's approval does not help."""
    demo.stage.title("Scene 3: somebody flips the labels in the Parquet, after validation and before training")
    with demo.stage.working("Airflow runs the DAG again, with params.poison"):
        run = demo.run_dag(poison=True)
    demo.tell(run)
    require(run.states["register"] == "success", "the poisoned model must register: see demo-run/airflow.log")
    require(run.states["gate"] == "skipped", "the gate must not pass a poisoned model")
    poisoned = version_of(run)
    demo.stage.say("The owner, who reads nothing of what `approve` shows, approves it all the same:")
    approve(demo, poisoned)
    answer = demo.curl_alias(poisoned)
    demo.stage.came_back(f"HTTP {answer.status}\n{answer.message}", "red")
    require(answer.status == 403, "a poisoned model must be refused")
    for part in ("inputs-attested", "train.parquet", *file_digests(run)):
        require(part in answer.message, f"the message must name {part}")
    require(demo.alias() == version, "production must still be the version of before")
    demo.stage.say(f"production is still version {version}.", "green")


def file_digests(run: Run) -> tuple[str, str]:
    """How the digests of train.parquet begin: as it was attested, and as it lies there now."""
    from attestflow.digest import ContentDigest
    from attestflow.settings import Settings
    from attestflow.subject import measure

    attested = ContentDigest.parse(run.handed["validate"]["digest"])
    listing = Settings.load().open_store().listing(attested.sha256)
    now = measure(Path(run.handed["extract"], "train.parquet")).content.sha256
    return str(listing.get("train.parquet") if listing else None)[:12], now[:12]


def scene_lineage(demo: Demo) -> None:
    """From the model in production back to the raw data."""
    demo.stage.title("Scene 4: what is production made of?")
    tree = demo.attestflow("lineage", f"models:/{MODEL}@production")
    demo.stage.came_back(tree)
    require("breast-cancer-data/  dataset" in tree and "└─" in tree, "the tree must reach the raw data")


def tell_where_to_look(demo: Demo, seconds: float) -> None:
    demo.stage.title(f"All four scenes came out as they should, in {seconds:.0f} s")
    demo.stage.say("Where to look next:")
    for place, what in (
        ("example_dags/breast_cancer.py", "the DAG: four operators and a decorator"),
        ("demo-run/evidence/attestations", "every signed attestation, as files; `attestflow show FILE` reads one"),
        ("demo-run/evidence/policies", "what must hold before something becomes production; edit it, sign it"),
        ("demo-run/airflow.log", "what Airflow said"),
        ("docs/guides/airflow.md", "three lines for a DAG that you have"),
    ):
        demo.stage.say(f"  {place:34}{what}")


def play(demo: Demo) -> None:
    """The whole demonstration. Raises SceneFailed."""
    from attestflow.testing.mlflow_server import mlflow_server

    start = time.monotonic()
    demo.stage.title("Keys, a trust root, a policy, an evidence store; and an MLflow server with a gate in it")
    demo.stage.came_back(demo.attestflow("init", "evidence", "--registry", "demo", passphrase_for="owner"))
    demo.stage.say(
        "Neither Airflow nor the server is given the owner's passphrase: it goes to `approve`, by a pipe.", "dim"
    )
    demo.stage.tried("mlflow server --registry-store-uri attestflow:sqlite:///mlflow.db …")
    with ExitStack() as stack:
        with demo.stage.working("The server starts"):
            server = stack.enter_context(mlflow_server(demo.folder / "mlflow", config=demo.settings))
        demo.stage.came_back(server.url)
        demo.url = os.environ["MLFLOW_TRACKING_URI"] = server.url
        version = first_run(demo)
        scene_refused(demo, version)
        scene_approved(demo, version)
        scene_poisoned(demo, version)
        scene_lineage(demo)
    tell_where_to_look(demo, time.monotonic() - start)


def main() -> int:
    """Play; 0 when every scene came out as it should."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server is stopped then, too
    stage, folder = Stage(), Path.cwd() / "demo-run"
    try:
        fresh_folder(folder)
        os.environ.update(
            ATTESTFLOW_HOME=str(folder / "account"),
            ATTESTFLOW_CONFIG=str(folder / "evidence" / "attestflow.toml"),
            MLFLOW_DISABLE_TELEMETRY="true",
            MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR="false",
            GIT_PYTHON_REFRESH="quiet",
        )
        # A process of its own, started anew: it must not hold the passphrase. It gets ready while the server starts.
        with multiprocessing.get_context("spawn").Pool(1, prepare_airflow, (folder,)) as airflow:
            play(Demo(folder, stage, secrets.token_urlsafe(24).encode(), airflow))
    except SceneFailed as error:
        stage.say(f"\nNot as it should be: {error}", "bold red")
        return 1
    except KeyboardInterrupt:
        stage.say("\nstopped", "yellow")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
