"""The example DAG against a real MLflow server with a gate in it: what deploys, and what each attack runs into."""

from __future__ import annotations

import os
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from attestflow.errors import ConfigurationError
from attestflow.operators.attest_dataset import AttestDatasetOperator
from attestflow.operators.attest_task import Output
from attestflow.operators.promotion_gate import PromotionGateOperator
from attestflow.operators.register_model import RegisterModelOperator
from attestflow.testing.airflow import DagOutcome, run_dag
from attestflow.testing.mlflow_server import MlflowServer, mlflow_server

pytestmark = [pytest.mark.airflow, pytest.mark.mlflow, pytest.mark.slow]

EXAMPLE = Path(__file__).parents[3] / "example_dags" / "breast_cancer.py"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[MlflowServer, Path]]:
    """A gated server, and the settings that it was started with."""
    from attestflow.cli.scaffold import scaffold

    folder = tmp_path_factory.mktemp("breast-cancer")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATTESTFLOW_HOME", str(folder / "account"))
        made = scaffold(folder / "evidence", registry="test", store="attestations", passphrases={})
        with mlflow_server(folder / "mlflow", config=made.settings, environ=dict(os.environ)) as running:
            yield running, made.settings


@pytest.fixture(autouse=True)
def _worker(server: tuple[MlflowServer, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of an Airflow worker."""
    running, settings = server
    monkeypatch.setenv("ATTESTFLOW_CONFIG", str(settings))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", running.url)


@pytest.fixture(scope="module")
def example() -> Any:
    return runpy.run_path(str(EXAMPLE), run_name="breast_cancer")["breast_cancer_dag"]


def run_example(example: Any, folder: Path, *, poison: bool = False) -> DagOutcome:
    return run_dag(example, {"folder": str(folder), "poison": poison})


def denied(outcome: DagOutcome, task: str = "gate") -> dict[str, str]:
    """The denying findings of a gate task, by rule."""
    found = outcome.xcom(task, "verdict")["findings"]
    return {each["rule"]: each["message"] for each in found if each["outcome"] == "denied"}


def approve(server: tuple[MlflowServer, Path], uri: str) -> None:
    """`attestflow approve`, with an owner's key that has no passphrase."""
    from click.testing import CliRunner

    from attestflow.cli import app

    name = uri.split("/")[1]
    arguments = ["approve", uri, "--for", f"models:/{name}", "--to", "production", "--yes"]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output


def test_the_main_job(example: Any, server: tuple[MlflowServer, Path], tmp_path: Path) -> None:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    outcome = run_example(example, tmp_path)
    assert {task: state for task, state in outcome.states.items() if state != "success"} == {"gate": "skipped"}
    assert set(denied(outcome)) == {"approved"}  # everything else holds
    registered = outcome.xcom("register")
    version = registered["uri"].rpartition("/")[2]
    client = MlflowClient()
    with pytest.raises(MlflowException, match="not approved by owner") as refused:
        client.set_registered_model_alias("breast-cancer", "production", version)
    assert refused.value.get_http_status_code() == 403
    approve(server, registered["uri"])
    client.set_registered_model_alias("breast-cancer", "production", version)
    assert client.get_model_version_by_alias("breast-cancer", "production").version == version


def test_flipped_labels_register_and_never_promote(
    example: Any, server: tuple[MlflowServer, Path], tmp_path: Path
) -> None:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    outcome = run_example(example, tmp_path, poison=True)
    assert outcome.states["register"] == "success"
    assert outcome.states["gate"] == "skipped"
    findings = denied(outcome)
    assert set(findings) >= {"inputs-attested", "data-validated"}
    assert 'file "train.parquet" was attested as sha256:' in findings["inputs-attested"]
    registered = outcome.xcom("register")
    approve(server, registered["uri"])
    version = registered["uri"].rpartition("/")[2]
    with pytest.raises(MlflowException, match="train.parquet"):
        MlflowClient().set_registered_model_alias("breast-cancer", "production", version)


@pytest.fixture
def trained(tmp_path: Path) -> Any:
    """Tasks attest → train, of which `train` is a reference to a small model logged to the server."""
    from airflow.sdk import task

    data = tmp_path / "numbers.csv"
    data.write_text("x,y\n1,2\n2,4\n3,6\n")

    def make() -> Any:
        @task.attest
        def train(numbers: Any) -> Output:
            import mlflow
            import numpy as np
            from sklearn.linear_model import LinearRegression

            table = np.loadtxt(numbers.path, delimiter=",", skiprows=1)
            model = LinearRegression().fit(table[:, :1], table[:, 1])
            logged = mlflow.sklearn.log_model(model, name="double", pip_requirements=["scikit-learn"])
            return Output(logged.model_uri)

        return train(AttestDatasetOperator(task_id="attest", path=str(data)).output)

    return make


def test_a_denied_gate_fails_at_the_first_try_and_stops_what_follows(run_tasks: Any, trained: Any, capfd: Any) -> None:
    from airflow.sdk import task

    @task
    def deploy() -> None:
        raise AssertionError("deployed what was denied")

    def tasks() -> None:
        registered = RegisterModelOperator(task_id="register", model=trained(), name="denied")
        gate = PromotionGateOperator(task_id="gate", model=registered.output, retries=2)
        gate >> deploy()

    outcome = run_tasks(tasks)
    assert outcome.states["gate"] == "failed"
    assert outcome.states["deploy"] == "upstream_failed"
    assert set(denied(outcome)) == {"data-validated", "approved"}
    shown = "".join(capfd.readouterr())
    assert "AirflowFailException" in shown
    assert "data-validated" in shown


def test_a_gate_that_passes(example: Any, server: tuple[MlflowServer, Path], run_tasks: Any, tmp_path: Path) -> None:
    registered = run_example(example, tmp_path).xcom("register")
    approve(server, registered["uri"])
    outcome = run_tasks(lambda: PromotionGateOperator(task_id="gate", model=registered["uri"]))
    assert outcome.states == {"gate": "success"}
    assert outcome.xcom("gate")["passed"] is True
    assert outcome.xcom("gate")["attestation"]


def test_a_retry_registers_once(run_tasks: Any, trained: Any) -> None:
    from mlflow import MlflowClient

    def tasks() -> None:
        model = trained()
        first = RegisterModelOperator(task_id="register", model=model, name="once")
        first >> RegisterModelOperator(task_id="again", model=model, name="once")

    outcome = run_tasks(tasks)
    assert outcome.states["again"] == "success"
    assert outcome.xcom("again")["uri"] == outcome.xcom("register")["uri"] == "models:/once/1"
    assert len(MlflowClient().search_model_versions("name = 'once'")) == 1


def test_a_model_changed_after_training_is_not_registered(
    run_tasks: Any, trained: Any, server: tuple[MlflowServer, Path], capfd: Any
) -> None:
    from airflow.sdk import task
    from mlflow import MlflowClient

    @task
    def swap(handed: Any) -> Any:
        identity = handed["uri"].removeprefix("models:/")
        (file,) = server[0].artifacts.glob(f"**/{identity}/artifacts/MLmodel")
        file.write_text(file.read_text() + "# backdoor\n")
        return handed

    outcome = run_tasks(lambda: RegisterModelOperator(task_id="register", model=swap(trained()), name="swapped"))
    assert outcome.states["register"] == "failed"
    assert "was changed after training" in "".join(capfd.readouterr())
    assert not MlflowClient().search_model_versions("name = 'swapped'")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "models:/breast-cancer"}, "names no version"),
        ({"model": "{{ params.none }}"}, "model is empty"),
        ({"model": "models:/nobody/7"}, "cannot be had from MLflow"),
        ({"model": {"name": "x"}}, "expected what an attestflow task returned"),
        ({"model": "models:/nobody/7", "policy": "strict"}, 'no policy is named "strict"'),
        ({"model": "models:/nobody/7", "to": ""}, "to is empty"),
        ({"model": "models:/nobody/7", "conn_id": "missing"}, 'no Airflow connection "missing"'),
    ],
)
@pytest.mark.parametrize("on_deny", ["fail", "skip"])
def test_what_cannot_be_asked_fails_and_is_never_skipped(
    run_tasks: Any, arguments: dict[str, Any], message: str, on_deny: Any, capfd: Any
) -> None:
    gate = {"task_id": "gate", "on_deny": on_deny, "retries": 1, **arguments}
    outcome = run_tasks(lambda: PromotionGateOperator(**gate), {"none": ""})
    assert outcome.states == {"gate": "failed"}
    assert message in "".join(capfd.readouterr())


def test_options_are_checked_when_the_dag_is_parsed() -> None:
    with pytest.raises(ValueError, match="on_deny"):
        PromotionGateOperator(task_id="gate", model="models:/m/1", on_deny="ignore")  # type: ignore[arg-type]


def test_a_reference_without_a_local_file_has_no_path(run_tasks: Any, trained: Any) -> None:
    from attestflow.operators.reference import Attested

    outcome = run_tasks(trained)
    model = Attested.from_xcom(outcome.xcom("train"), "train")
    assert model.uri.startswith("models:/m-")
    with pytest.raises(ConfigurationError, match="names no file"):
        _ = model.path
