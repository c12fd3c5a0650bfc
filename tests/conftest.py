"""Fixtures for every test: no test sees this account's own settings, memory or trackers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_account(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("ATTESTFLOW_", "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ATTESTFLOW_HOME", str(tmp_path_factory.mktemp("account")))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the working directory."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder
