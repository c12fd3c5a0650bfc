"""Real Airflow, in this process: a throw-away home, and an evidence folder made by `attestflow init`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from attestflow.testing.airflow import DagOutcome, run_dag, use_temporary_airflow_home

use_temporary_airflow_home()

RunTasks = Callable[..., DagOutcome]


@pytest.fixture
def settings(project: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Settings with keys, trust root, policy and store, found through ATTESTFLOW_CONFIG as on a worker."""
    from attestflow.cli.scaffold import scaffold
    from attestflow.settings import Settings

    made = scaffold(project / "evidence", registry="test", store="attestations", passphrases={"owner": b"secret"})
    monkeypatch.setenv("ATTESTFLOW_CONFIG", str(made.settings))
    return Settings.load()


@pytest.fixture
def run_tasks(request: pytest.FixtureRequest) -> RunTasks:
    """Run the tasks that a function makes as one DAG; returns what came of it."""
    from airflow.sdk import DAG

    def run(make: Callable[[], object], params: Mapping[str, Any] | None = None, **options: Any) -> DagOutcome:
        name = "".join(char if char.isalnum() else "_" for char in request.node.name)[:200]
        with DAG(name, schedule=None, params=dict(params or {}), **options) as made:
            make()
        return run_dag(made)

    return run
