"""Models as MLflow really saves them, one kept under assets/ so that its bytes never change, and a small site-packages."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from attestflow.digest import ContentDigest
from attestflow.mlbom.cyclonedx import to_cyclonedx
from attestflow.mlbom.description import Dataset, Environment, Metric, ModelDescription, Parameter
from attestflow.mlbom.installed import installed_environment, parse_requirements
from attestflow.mlbom.mlflow_model import describe_model_dir

ASSETS = Path(__file__).parent / "assets"
NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def asset_model() -> Path:
    """A linear regression that MLflow 3.17.2 saved with skops and a signature."""
    return ASSETS / "model"


@pytest.fixture
def install(tmp_path: Path) -> Callable[..., Path]:
    """Write a distribution's metadata into a site-packages folder of the test's own."""
    folder = tmp_path / "site-packages"
    folder.mkdir()

    def write(name: str, version: str, *fields: str, direct_url: str | None = None) -> Path:
        info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        lines = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *fields, ""]
        (info / "METADATA").write_text("\n".join(lines), encoding="utf-8")
        (info / "RECORD").write_text(f"{info.name}/METADATA,,\n{info.name}/RECORD,,\n", encoding="utf-8")
        if direct_url is not None:
            (info / "direct_url.json").write_text(direct_url, encoding="utf-8")
        return folder

    return write


@pytest.fixture
def environment(install: Callable[..., Path]) -> Environment:
    """mlflow and scikit-learn, and what they need, as installed."""
    install(
        "mlflow", "3.17.2", "License: Apache 2.0", "Requires-Dist: numpy>=1", "Requires-Dist: lost; extra == 'gone'"
    )
    install("scikit-learn", "1.9.1", "License-Expression: BSD-3-Clause", "Requires-Dist: NumPy", "Summary: Learning")
    folder = install(
        "numpy", "2.4.6", "License-Expression: BSD-3-Clause AND 0BSD", "Requires-Dist: nosuch; python_version<'3'"
    )
    found = installed_environment(parse_requirements(b"mlflow==3.17.2\nscikit-learn\n"), path=[str(folder)])
    return Environment(found.dependencies, "CPython 3.11.7", found.source, found.basis, found.complete)


@pytest.fixture
def description(asset_model: Path, environment: Environment) -> ModelDescription:
    """The asset, with all that a pipeline knows of it."""
    return describe_model_dir(
        asset_model,
        name="house-prices",
        version="3",
        environment=environment,
        datasets=[
            Dataset("houses.parquet", ContentDigest("file", "ab" * 32), "content attestation", "attested", size=1234),
            Dataset("holdout", ContentDigest("tree", "cd" * 32), "content attestation", "attested", role="test"),
        ],
        metrics=Metric.many({"rmse": 0.25, "r2": 0.9}, source="MLflow run", basis="self-asserted"),
        parameters=Parameter.many({"fit_intercept": True}, source="MLflow run", basis="self-asserted"),
        licence="Apache-2.0",
        registry_url="https://user:secret@registry.example/mlflow?token=x",
    )


@pytest.fixture
def bom(description: ModelDescription) -> bytes:
    """Its BOM."""
    return to_cyclonedx(description, timestamp=NOW)


@pytest.fixture(scope="session")
def saved_models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What mlflow.<flavour>.save_model writes here and now: sklearn plain and with everything, and pyfunc."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    import mlflow
    from mlflow.models import infer_signature
    from sklearn.datasets import load_iris
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    class Constant(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # mlflow is untyped here
        def predict(self, context: Any, model_input: list[str], params: Any = None) -> list[str]:
            return ["one"] * len(model_input)

    root = tmp_path_factory.mktemp("saved")
    frame, target = load_iris(return_X_y=True, as_frame=True)
    shared = ["a", "b"]
    plain = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, target)
    forest = RandomForestClassifier(n_estimators=2).fit(frame, target)
    mlflow.sklearn.save_model(plain, root / "plain", pip_requirements=["scikit-learn"])
    mlflow.sklearn.save_model(
        forest,
        root / "full",
        signature=infer_signature(frame, target, params={"nan": float("nan")}),
        input_example=frame.head(2),
        pip_requirements=["scikit-learn", "pandas"],
        metadata={"twice": shared, "again": shared, "bound": float("inf"), "prompt": "two\nlines"},
        serialization_format="cloudpickle",
    )
    (root / "note.txt").write_text("a note")
    mlflow.pyfunc.save_model(
        root / "pyfunc",
        python_model=Constant(),
        artifacts={"note": str(root / "note.txt")},
        model_config={"prompt": "two\nlines"},
        pip_requirements=["mlflow"],
    )
    return {name: root / name for name in ("plain", "full", "pyfunc")}
