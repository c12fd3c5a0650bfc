"""Whole processes, timed in turn: A B A B …, so that a drifting machine hits both."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

RUNS = 3


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds of wall clock, seconds of CPU, and the peak resident memory (MiB) of the largest process."""

    wall: float
    cpu: float
    peak: float


def once(command: Sequence[str], cwd: Path, environ: Mapping[str, str]) -> Run:
    """Run a command to its end; its output goes nowhere, unless it fails."""
    start = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{errors.decode()}")
    return Run(time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def paired(
    commands: Mapping[str, Sequence[str]], cwd: Path, environ: Mapping[str, str], runs: int = RUNS
) -> dict[str, Run]:
    """The median of each command over `runs` rounds, after one that is not counted."""
    found: dict[str, list[Run]] = {name: [] for name in commands}
    for number in range(runs + 1):
        for name, command in commands.items():
            run = once(command, cwd, environ)
            if number:
                found[name].append(run)
    return {
        name: Run(
            statistics.median(run.wall for run in each),
            statistics.median(run.cpu for run in each),
            max(run.peak for run in each),
        )
        for name, each in found.items()
    }


def row(what: str, ours: Run, theirs: Run, target: str) -> None:
    """One line of the table: the ratio is their wall clock by ours."""
    print(
        f"{what:34} {ours.wall:8.2f} s {theirs.wall:8.2f} s {theirs.wall / ours.wall:7.2f}x  {target:10}"
        f" {ours.peak:6.0f} MiB {theirs.peak:6.0f} MiB",
        flush=True,
    )
