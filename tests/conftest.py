"""Fixtures for every test: no test sees this account's own settings, memory or trackers."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from attestflow.testing.postgres import Postgres, postgres_server


@pytest.fixture(autouse=True)
def _own_account(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("ATTESTFLOW_", "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ATTESTFLOW_HOME", str(tmp_path_factory.mktemp("account")))
    _forget_trackers()


def _forget_trackers() -> None:
    """MLflow remembers its server and experiment for the whole process; another test's may be gone by now."""
    if "mlflow" in sys.modules:
        from mlflow.tracking import fluent
        from mlflow.tracking._model_registry import utils as registry
        from mlflow.tracking._tracking_service import utils as tracking

        tracking._tracking_uri = None
        registry._registry_uri = None
        fluent._active_experiment_id = None


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL."""
    # A short path: it holds the server's socket, whose name may have 107 characters.
    with (
        tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder,
        postgres_server(Path(folder)) as server,
    ):
        yield server


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the working directory."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder
