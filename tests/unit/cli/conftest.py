"""The command line called as a user calls it, in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from attestflow.cli import main


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def run(project: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """`run("verify", "data")` in an empty folder."""

    def call(*arguments: str) -> Ran:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        captured = capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return Ran(int(ended.value.code or 0), captured.out, captured.err)

    return call


@pytest.fixture
def made(run: Run, project: Path) -> Run:
    """The same after `attestflow init`, with a data set in data/."""
    assert run("init", "--registry", "demo").code == 0
    (project / "data").mkdir()
    (project / "data" / "train.csv").write_text("x,y\n1,0\n2,1\n")
    (project / "data" / ".schema").write_text("x int, y int\n")
    return run
