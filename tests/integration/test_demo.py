"""`make demo`: the four scenes come out as they should, and when one does not, it says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.airflow, pytest.mark.mlflow, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
SECONDS = 180  # the promise, on two cores


def play(folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run it as a person does: with a terminal to type at (on which it must not wait)."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW", "MLFLOW", "ATTESTFLOW"))}
    controller, terminal = os.openpty()
    try:
        return subprocess.run(
            [sys.executable, str(ROOT / "scripts" / "demo.py")],
            cwd=folder,
            env={**clean, **environ},
            stdin=terminal,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    finally:
        os.close(controller)
        os.close(terminal)


def running_below(folder: Path) -> list[str]:
    """Command lines of processes that know this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line and int(process.name) != os.getpid():
            found.append(line)
    return found


@pytest.fixture
def used(tmp_path: Path) -> Path:
    """A folder in which the demo ran before."""
    left = tmp_path / "demo-run"
    (left / "evidence").mkdir(parents=True)
    (left / ".attestflow-demo").touch()
    (left / "evidence" / "attestflow.toml").write_text("left over")
    return tmp_path


@pytest.mark.timeout(SECONDS + 60)
def test_the_four_scenes(used: Path) -> None:
    done = play(used)
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout
    for part in (
        "HTTP 403",
        "approved: not approved by owner",
        "MlflowException (HTTP 403)",
        "HTTP 200",
        'file "train.parquet" was attested as sha256:',
        "production is still version 1",
        "└─ breast-cancer-data",
        "All four scenes came out as they should",
        "docs/guides/airflow.md",
    ):
        assert part in said, f"{part}\n{said}"
    assert done.stderr == ""  # the noise of Airflow and MLflow is in files
    assert "Traceback" not in said
    assert not running_below(used)


@pytest.mark.timeout(SECONDS + 60)
def test_a_scene_that_comes_out_otherwise_fails_the_demo_and_stops_the_server(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    liar = tools / "curl"
    liar.write_text("#!/bin/sh\nprintf '{}\\n200'\n")
    liar.chmod(0o755)
    done = play(tmp_path, PATH=f"{tools}{os.pathsep}{os.environ['PATH']}")
    assert done.returncode == 1
    assert "Not as it should be: curl must be refused" in done.stdout
    assert not running_below(tmp_path)


@pytest.mark.timeout(SECONDS + 60)
def test_a_demo_that_is_ended_stops_the_server(tmp_path: Path) -> None:
    script = str(ROOT / "scripts" / "demo.py")
    with subprocess.Popen([sys.executable, script], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "http://127.0.0.1" in line:
                break
        assert running_below(tmp_path)
        process.terminate()
        process.stdout.read()
    assert process.returncode == 143
    assert not running_below(tmp_path)


def test_a_folder_that_no_demo_made_is_not_touched(tmp_path: Path) -> None:
    mine = tmp_path / "demo-run" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("precious")
    done = play(tmp_path)
    assert done.returncode == 1
    assert mine.read_text() == "precious"
