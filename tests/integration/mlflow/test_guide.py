"""The commands of docs/guides/mlflow.md, in their order, against a real server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from attestflow.testing.mlflow_server import quiet

from ...docs.test_snippets import ROOT, commands, matches  # noqa: TID252 - tests are no package that has a name
from .conftest import World

pytestmark = [pytest.mark.mlflow, pytest.mark.slow]


def test_the_guides_commands(world: World) -> None:
    assert world.registered("churn", "churn").version == "1"
    scripts = str(Path(sys.executable).parent)
    environ = {
        **os.environ,
        **quiet(),
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
        "ATTESTFLOW_HOME": str(world.home),
        "MLFLOW_TRACKING_URI": world.server.url,
    }
    found = commands((ROOT / "docs/guides/mlflow.md").read_text(encoding="utf-8"))
    assert len(found) >= 5
    for command, code, expected in found:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=world.folder,
            env=environ,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        output = done.stdout + done.stderr
        assert done.returncode == code, f"{command}\n{output}"
        for row in expected:
            assert matches(row, output), f"{command}\nexpected: {row}\nfound: {output}"
