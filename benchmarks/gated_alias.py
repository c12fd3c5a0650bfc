"""What the gate costs: setting an alias behind it and on a stock server, on one PostgreSQL, a model of 100 files.

Two versions whose files were frozen ahead take turns, so that each call decides. The decision is over the default policy's
kind of evidence: content attestation, and as many more attestations as a pipeline leaves.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import requests  # noqa: E402

from attestflow.subject import measure  # noqa: E402
from attestflow.testing.mlflow_server import mlflow_server  # noqa: E402
from attestflow.testing.postgres import postgres_server  # noqa: E402
from tests.attacks.registry import Side, guarded_settings  # noqa: E402

FILES, ROUNDS = 100, 60


def versions(side: Side, name: str) -> list[str]:
    """Two attested versions of 100 files each, frozen ahead where there is a gate."""
    import mlflow

    mlflow.set_tracking_uri(side.server.url)
    mlflow.set_experiment("benchmark")
    side.client.create_registered_model(name)
    numbers = []
    with tempfile.TemporaryDirectory() as folder, mlflow.start_run() as run:
        for text in ("a", "b"):
            model = Path(folder, text)
            model.mkdir()
            for number in range(FILES):
                (model / f"part-{number}").write_text(f"{text} {number}")
            mlflow.log_artifacts(str(model), text)
            if side.config is not None:
                side.settings().attester("pipeline").attest_content(measure(model, name=name), kind="model")
            place = f"{run.info.artifact_uri}/{text}"
            numbers.append(str(side.client.create_model_version(name, place, run_id=run.info.run_id).version))
            if side.config is not None:
                side.client.set_model_version_tag(name, numbers[-1], "attestflow.freeze", "")
    return numbers


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as temporary,
        tempfile.TemporaryDirectory(prefix="pg-") as data,
        postgres_server(Path(data)) as postgres,
    ):
        folder = Path(temporary)
        home = folder / "home"
        config = guarded_settings(folder / "settings", home)
        environ = {"ATTESTFLOW_HOME": str(home)}
        with (
            mlflow_server(folder / "stock", gated=False, database=postgres.database()) as stock,
            mlflow_server(folder / "ours", config=config, environ=environ, database=postgres.database()) as ours,
        ):
            sides = {"stock": Side(stock, None, home), "gated": Side(ours, config, home)}
            made = {which: versions(side, "credit-benchmark") for which, side in sides.items()}
            times: dict[str, list[float]] = {which: [] for which in sides}
            session: Any = requests.Session()
            for number in range(ROUNDS):
                for which, side in sides.items():
                    body = {"name": "credit-benchmark", "alias": "production", "version": made[which][number % 2]}
                    start = time.perf_counter()
                    answer = session.post(f"{side.server.url}/api/2.0/mlflow/registered-models/alias", json=body)
                    times[which].append(time.perf_counter() - start)
                    assert answer.status_code == 200, answer.text
        stock_ms, gated_ms = (1000 * statistics.median(times[which]) for which in ("stock", "gated"))
        print(f"alias on a stock server {stock_ms:.1f} ms, behind the gate {gated_ms:.1f} ms (median of {ROUNDS})")
        print(f"the gate costs {gated_ms - stock_ms:.1f} ms (goal: at most 30 ms)")


if __name__ == "__main__":
    main()
