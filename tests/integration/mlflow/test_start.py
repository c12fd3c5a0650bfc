"""What a gated server says when it cannot keep its promise: it does not start."""

from __future__ import annotations

from pathlib import Path

import pytest

from attestflow.cli.scaffold import scaffold
from attestflow.testing.mlflow_server import ServerDidNotStart, mlflow_server

pytestmark = [pytest.mark.mlflow, pytest.mark.slow]


def refuses(folder: Path, config: Path, *arguments: str) -> str:
    with pytest.raises(ServerDidNotStart) as caught, mlflow_server(folder, config=config, arguments=arguments):
        pass
    return str(caught.value)


def test_without_settings(tmp_path: Path) -> None:
    assert "the gate does not start" in refuses(tmp_path / "server", tmp_path / "attestflow.toml")


def test_with_a_policy_that_nobody_signed(tmp_path: Path) -> None:
    made = scaffold(tmp_path, registry="tests", store="attestations", passphrases={})
    policy = tmp_path / "policies" / "production.yaml"
    policy.write_bytes(policy.read_bytes().replace(b"mode: enforce", b"mode: warn   "))
    assert "the gate does not start" in refuses(tmp_path / "server", made.settings)


def test_with_artifacts_where_anybody_may_write(tmp_path: Path) -> None:
    made = scaffold(tmp_path, registry="tests", store="attestations", passphrases={})
    assert "does not serve artifacts" in refuses(tmp_path / "server", made.settings, "--no-serve-artifacts")
