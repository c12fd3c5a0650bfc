"""A client that never heard of attestflow, in a Python that has no such package: all that is not guarded works as ever."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from attestflow.testing.mlflow_server import quiet

from .conftest import World

pytestmark = [pytest.mark.mlflow, pytest.mark.slow]

SCRIPT = """
import importlib.util, sys
assert importlib.util.find_spec("attestflow") is None, "this is no plain client"
import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import RestException
from sklearn.linear_model import LinearRegression

mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("plain")
model = LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0])
with mlflow.start_run() as run:
    mlflow.log_param("alpha", 1)
    mlflow.log_metric("r2", 1.0)
    info = mlflow.sklearn.log_model(model, name="model", registered_model_name="plain", pip_requirements=["scikit-learn"])
client = MlflowClient()
version = client.search_model_versions("name = 'plain'")[0].version
client.set_registered_model_alias("plain", "champion", version)
client.set_model_version_tag("plain", version, "team", "blue")
client.transition_model_version_stage("plain", version, "Staging")
for uri in (info.model_uri, f"models:/plain/{version}", "models:/plain@champion", "models:/plain/latest"):
    assert abs(mlflow.pyfunc.load_model(uri).predict([[2.0]])[0] - 4.0) < 1e-9, uri
assert abs(mlflow.sklearn.load_model(f"runs:/{run.info.run_id}/model").predict([[3.0]])[0] - 6.0) < 1e-9
copy = client.copy_model_version(f"models:/plain/{version}", "plain-copy")
client.rename_registered_model("plain-copy", "plain-renamed")
client.delete_registered_model("plain-renamed")
try:
    client.set_registered_model_alias("plain", "production", version)
except RestException as refused:
    assert refused.json["attestflow"]["findings"], refused.json
    print("refused:", refused.get_http_status_code())
client.delete_registered_model_alias("plain", "champion")
client.delete_registered_model("plain")
print("all of it")
"""


def plain_site(folder: Path) -> Path:
    """This environment's packages, but for attestflow; links, so that nothing is installed twice."""
    folder.mkdir()
    for kind in ("purelib", "platlib"):
        for each in Path(sysconfig.get_paths()[kind]).iterdir():
            target = folder / each.name
            if (
                not each.name.startswith(("attestflow", "_attestflow", "_editable", "__editable__"))
                and not target.exists()
            ):
                target.symlink_to(each)
    return folder


def test_a_plain_client(world: World, tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("ATTESTFLOW", "MLFLOW"))}
    environ |= {**quiet(), "PYTHONPATH": str(plain_site(tmp_path / "site"))}
    # -S: no site-packages, and so none of the links that an editable install leaves there.
    done = subprocess.run(
        [sys.executable, "-S", "-c", SCRIPT, world.server.url],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "refused: 403" in done.stdout
    assert "all of it" in done.stdout
