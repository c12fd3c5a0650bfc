"""Registration's parts that need no server: who signs, quiet, the client store's host, a run's times, conda files."""

from __future__ import annotations

import logging
import os
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from attestflow.errors import ConfigurationError
from attestflow.integrations.mlflow.quiet import quiet_progress
from attestflow.integrations.mlflow.registration.candidate import _below
from attestflow.integrations.mlflow.registration.client_store import SigningRestStore, signing_store
from attestflow.integrations.mlflow.registration.measured_file import read_measured
from attestflow.integrations.mlflow.registration.signing_setup import OMS, oms_asked
from attestflow.integrations.mlflow.registration.training import _conda, _time
from attestflow.subject import measure

pytestmark = pytest.mark.mlflow
BAR = "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"


def test_quiet_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(BAR, raising=False)
    logger = logging.getLogger("mlflow")
    level = logger.level
    with quiet_progress():
        assert (os.environ[BAR], logger.level) == ("false", logging.ERROR)
        with suppress(KeyError), quiet_progress():
            raise KeyError
        assert os.environ[BAR] == "false"
    assert BAR not in os.environ
    assert logger.level == level


def test_quiet_in_threads_that_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BAR, "true")
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with quiet_progress():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with quiet_progress():
        thread.start()
        inside.wait(10)
    assert os.environ[BAR] == "false"  # the other thread is still inside
    leave.set()
    thread.join()
    assert os.environ[BAR] == "true"


@pytest.mark.parametrize(
    ("uri", "host"),
    [
        ("attestflow+http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("attestflow+https://mlflow.example.com/prefix", "https://mlflow.example.com/prefix"),
    ],
)
def test_the_client_asks_as_mlflows_own(uri: str, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Host, user, token and TLS are those of MLflow's own client, read again at each request."""
    from mlflow.store.workspace_rest_store_mixin import WorkspaceRestStoreMixin
    from mlflow.tracking._model_registry.utils import _get_store
    from mlflow.utils.credentials import get_default_host_creds

    store = _get_store(uri, "http://127.0.0.1:5000")  # by the entry point
    assert isinstance(store, SigningRestStore)
    assert isinstance(store, WorkspaceRestStoreMixin)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "abc")
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", "ca.pem")
    asked, plain = store.get_host_creds(), get_default_host_creds(host)
    assert vars(asked) == vars(plain)
    assert (asked.host, asked.token, asked.server_cert_path) == (host, "abc", "ca.pem")
    assert signing_store(uri)._tracking_uri is None


@pytest.mark.parametrize(("text", "asked"), [("", False), ("0", False), ("1", True), ("TRUE", True), ("false", False)])
def test_oms_is_asked_for(text: str, asked: bool) -> None:
    assert oms_asked({OMS: text}) is asked


def test_oms_otherwise() -> None:
    with pytest.raises(ConfigurationError, match=OMS):
        oms_asked({OMS: "sure"})


@pytest.mark.parametrize("value", [None, "x", -5, 10**30, 0, float("nan"), 4_000_000_000_000])
def test_times_that_cannot_be(value: object) -> None:
    assert _time(value, datetime(2026, 11, 23, tzinfo=UTC)) is None


def test_of_conda_only_plain_dependencies() -> None:
    data = (
        b"channels:\n- https://user:token@conda.example.com/x\n"
        b"dependencies:\n- python=3.11.7\n- numpy >=2,<3\n- https://user:pw@example.com/p.tar.bz2\n- pip:\n  - scikit-learn\n"
    )
    assert _conda(data) == ["python=3.11.7", "numpy >=2,<3"]
    assert _conda(b"a: &x 1\n") == _conda(b"[]") == _conda(None) == _conda(b"dependencies: 7") == []


def test_a_file_that_is_no_longer_what_was_measured(tmp_path: Path) -> None:
    from attestflow.errors import SubjectError

    (tmp_path / "a").write_text("one")
    measured = measure(tmp_path)
    assert read_measured(tmp_path, measured, "a", max_bytes=10) == b"one"
    assert read_measured(tmp_path, measured, "b", max_bytes=10) is None
    with pytest.raises(SubjectError, match="larger"):
        read_measured(tmp_path, measured, "a", max_bytes=2)
    (tmp_path / "a").write_text("two")
    with pytest.raises(SubjectError, match="changed"):
        read_measured(tmp_path, measured, "a", max_bytes=10)


@pytest.mark.parametrize(
    ("location", "below"),
    [
        ("mlflow-artifacts:/1/run/artifacts/model", True),
        ("mlflow-artifacts:/1/run/artifacts/a/b", True),
        ("mlflow-artifacts:/1/run/artifacts", False),
        ("mlflow-artifacts:/1/run/artifacts-of-another/model", False),
        ("mlflow-artifacts:/1/run/artifacts/../../other/artifacts/model", False),
        ("mlflow-artifacts:/1/run/artifacts/%2e%2e/%2e%2e/other/artifacts/model", False),
        ("mlflow-artifacts:/1/other/artifacts/model", False),
    ],
)
def test_what_lies_among_a_runs_files(location: str, below: bool) -> None:
    assert _below(location, "mlflow-artifacts:/1/run/artifacts") is below
