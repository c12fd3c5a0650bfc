"""The commands of docs/guides/mlflow.md, in their order, in one shell, against a real server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from attestflow.testing.mlflow_server import MlflowServer, mlflow_server, quiet

from ...docs.test_snippets import ROOT, commands, matches  # noqa: TID252 - tests are no package that has a name

pytestmark = [pytest.mark.mlflow, pytest.mark.slow]

SCRIPTS = str(Path(sys.executable).parent)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        **quiet(),
        "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}",
        "ATTESTFLOW_HOME": str(tmp_path / "home"),
    }


@pytest.fixture
def server(tmp_path: Path, environ: dict[str, str]) -> Iterator[MlflowServer]:
    made = subprocess.run(
        ["attestflow", "init", ".", "--registry", "team"],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert made.returncode == 0, made.stderr
    home = {"ATTESTFLOW_HOME": environ["ATTESTFLOW_HOME"]}
    with mlflow_server(tmp_path / "server", config=tmp_path / "attestflow.toml", environ=home) as running:
        yield running


@pytest.mark.timeout(600)
def test_the_guides_commands(server: MlflowServer, tmp_path: Path, environ: dict[str, str]) -> None:
    text = (ROOT / "docs/guides/mlflow.md").read_text(encoding="utf-8")
    script = re.search(r"^```python\n# train\.py\n(.*?)^```", text, re.M | re.S)
    assert script is not None
    (tmp_path / "train.py").write_text(script[1])
    environ["MLFLOW_TRACKING_URI"] = server.url
    found = commands(text)
    assert len(found) >= 20
    for command, code, expected in found:
        if exported := re.fullmatch(r"export (\w+)=(.*)", command):
            environ[exported[1]] = os.path.expandvars(exported[2].replace("$MLFLOW_TRACKING_URI", server.url))
            continue
        done = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, env=environ, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        output = done.stdout + done.stderr
        assert done.returncode == code, f"{command}\n{output}"
        for row in expected:
            assert matches(row, output), f"{command}\nexpected: {row}\nfound: {output}"
