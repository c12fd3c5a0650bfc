"""A real `mlflow server` on loopback, for tests and demonstrations."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 120


class ServerDidNotStart(RuntimeError):
    """The server ended, or did not answer in time; the message holds its log."""


@dataclass(frozen=True, slots=True)
class MlflowServer:
    """A running server: its URL, its log file, the folder that its artifacts lie in, and the number of its process group."""

    url: str
    log: Path
    artifacts: Path
    group: int


@contextmanager
def mlflow_server(
    folder: Path,
    *,
    gated: bool = True,
    config: Path | None = None,
    environ: Mapping[str, str] | None = None,
    arguments: tuple[str, ...] = (),
    database: str | None = None,
    workers: int = 1,
) -> Iterator[MlflowServer]:
    """Start a server whose database, artifacts and log lie in `folder`, wait until it answers, and stop it at the end.

    `gated` puts our registry store and our artifact repository in front, with the settings in `config`; `database` is
    another one's SQLAlchemy URI; `arguments` go to `mlflow server` as they are. Raises ServerDidNotStart with the log.
    """
    artifacts = folder.absolute() / "artifacts"
    artifacts.mkdir(parents=True, exist_ok=True)
    port = free_port()
    url, log = f"http://127.0.0.1:{port}", folder / "server.log"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", str(workers), *_stores(database or f"sqlite:///{folder / 'mlflow.db'}", artifacts, gated)]
    environment = {**os.environ, **quiet(), **(environ or {})}
    environment.pop("MLFLOW_TRACKING_URI", None)
    if config is not None:
        environment["ATTESTFLOW_CONFIG"] = str(config)
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own arguments
            [*command, *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _wait(process, url, log)
        yield MlflowServer(url, log, artifacts, process.pid)
    finally:
        _stop(process)


def _stores(database: str, artifacts: Path, gated: bool) -> list[str]:
    """Where a server keeps what: stock, or behind the gate."""
    if not gated:
        return ["--backend-store-uri", database, "--artifacts-destination", str(artifacts)]
    guarded = ["--registry-store-uri", f"attestflow:{database}"]
    return ["--backend-store-uri", database, "--artifacts-destination", f"attestflow+{artifacts.as_uri()}", *guarded]


def quiet() -> dict[str, str]:
    """Environment that keeps MLflow from running jobs, sending telemetry and drawing bars."""
    return {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "GIT_PYTHON_REFRESH": "quiet",
    }


def free_port() -> int:
    """A port on loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerDidNotStart(f"mlflow server ended with {process.returncode}:\n{_tail(log)}")
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:  # noqa: S310 - loopback http
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    raise ServerDidNotStart(f"mlflow server did not answer in {START_SECONDS} s:\n{_tail(log)}")


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-4000:]


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server and the workers that it started (its own session)."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(timeout=15)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
