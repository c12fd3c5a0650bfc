"""Train on the UCI Breast Cancer Wisconsin data, with signed evidence at every step, and ask the gate at the end.

Needs: the connection `attestflow_default` (or ATTESTFLOW_CONFIG), and MLFLOW_TRACKING_URI. `make demo` runs it.
"""

from __future__ import annotations

from pathlib import Path

from airflow.sdk import Param, dag, task

from attestflow.operators.attest_dataset import AttestDatasetOperator
from attestflow.operators.promotion_gate import PromotionGateOperator
from attestflow.operators.register_model import RegisterModelOperator
from attestflow.operators.validate_dataset import ValidateDatasetOperator

DATA, MODEL = "breast-cancer-data", "breast-cancer"
SUITE = Path(__file__).with_name("breast_cancer_suite.json")


@dag(
    schedule=None,
    params={
        "folder": Param("/tmp/breast-cancer", type="string", description="where the data of each run go"),  # noqa: S108
        "poison": Param(False, type="boolean", description="let somebody flip labels before training"),
    },
)
def breast_cancer() -> None:
    """Extract, attest, validate, train, register, ask the gate."""

    @task
    def extract(params=None, run_id=None) -> str:
        """Write the 569 rows that scikit-learn carries to two Parquet files."""
        from sklearn.datasets import load_breast_cancer

        table = load_breast_cancer(as_frame=True).frame.rename(columns=lambda name: name.replace(" ", "_"))
        table["malignant"] = 1 - table.pop("target")
        folder = Path(params["folder"], run_id.replace(":", ""), DATA)
        folder.mkdir(parents=True, exist_ok=True)
        holdout = table.sample(frac=0.2, random_state=0)
        holdout.to_parquet(folder / "holdout.parquet")
        table.drop(holdout.index).to_parquet(folder / "train.parquet")
        return str(folder)

    @task
    def intruder(folder, params=None):
        """Nobody's code: stands for whoever can write where the data lie, between validation and training."""
        if params["poison"]:
            import pandas as pd

            file = Path(folder, "train.parquet")
            table = pd.read_parquet(file)
            table["malignant"] = 1 - table["malignant"]
            table.to_parquet(file)

    # `record` lets the poisoned run go on, so that the gate has to stop it; by default this task would fail.
    @task.attest(parameters=["seed"], on_mismatch="record")
    def train(data, seed: int = 7):
        """Fit a logistic regression, and log it to MLflow."""
        import mlflow
        import pandas as pd
        import sklearn
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        from attestflow.operators.attest_task import Output

        table, holdout = (pd.read_parquet(data.path / f"{part}.parquet") for part in ("train", "holdout"))
        model = make_pipeline(StandardScaler(), LogisticRegression(random_state=seed))
        model.fit(table.drop(columns="malignant"), table["malignant"])
        accuracy = model.score(holdout.drop(columns="malignant"), holdout["malignant"])
        mlflow.set_experiment(MODEL)
        with mlflow.start_run():
            mlflow.log_param("seed", seed)
            mlflow.log_metric("accuracy", accuracy)
            needs = [f"scikit-learn=={sklearn.__version__}"]
            logged = mlflow.sklearn.log_model(model, name=MODEL, pip_requirements=needs)
        return Output(logged.model_uri, metrics={"accuracy": accuracy})

    folder = extract()
    attested = AttestDatasetOperator(task_id="attest", path=folder, name=DATA)
    validated = ValidateDatasetOperator(task_id="validate", dataset=attested.output, suite=str(SUITE))
    model = train(validated.output)
    registered = RegisterModelOperator(task_id="register", model=model, name=MODEL)
    # `skip` because an owner approves later; the gate in the MLflow server blocks whatever this task says.
    PromotionGateOperator(task_id="gate", model=registered.output, to="production", on_deny="skip")
    validated >> intruder(folder) >> model


breast_cancer_dag = breast_cancer()
