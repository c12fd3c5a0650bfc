"""`make demo`: the main job on this machine, and four scenes about who may promote what.

A real MLflow server on loopback, a real Airflow DAG run by `dag.test()`, real keys. Everything lies in ./demo-run, which
is made anew each time. Exits 0 only if every scene comes out as it should.
"""

from __future__ import annotations

import os
import secrets
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from demo_parts import MODEL, Airflow, Demo, Run, SceneFailed, Stage, fresh_folder, require


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
    require("└─ breast-cancer-data" in tree and "dataset" in tree, "the tree must reach the raw data")


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
    from multiprocessing import TimeoutError as WorkerTimeout

    from attestflow.testing.mlflow_server import ServerDidNotStart

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
            NO_PROXY="127.0.0.1",
            no_proxy="127.0.0.1",
        )
        with Airflow(folder) as airflow:
            play(Demo(folder, stage, secrets.token_urlsafe(24).encode(), airflow))
    except (SceneFailed, ServerDidNotStart) as error:
        stage.say(f"\nNot as it should be: {error}", "bold red")
        return 1
    except WorkerTimeout:
        stage.say("\nNot as it should be: Airflow takes too long, see demo-run/airflow.log", "bold red")
        return 1
    except KeyboardInterrupt:
        stage.say("\nstopped", "yellow")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
