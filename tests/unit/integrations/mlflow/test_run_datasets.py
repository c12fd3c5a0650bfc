"""Which of a run's data sets are tied to attested content, and which files a hostile run can have us open."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from attestflow.attest import Attester
from attestflow.cli.scaffold import scaffold
from attestflow.integrations.mlflow.registration import run_datasets
from attestflow.integrations.mlflow.registration.run_datasets import MAX_DATASETS, dataset_inputs
from attestflow.settings import Settings
from attestflow.subject import measure

pytestmark = pytest.mark.mlflow


@pytest.fixture
def attester(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Attester:
    monkeypatch.setenv("ATTESTFLOW_HOME", str(tmp_path / "home"))
    made = scaffold(tmp_path / "project", registry="tests", store="attestations", passphrases={})
    return Settings.load(config=made.settings).attester("pipeline")


def listed(source: Any, *, kind: str = "local", name: str = "dataset", context: str | None = None) -> Any:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    text = source if isinstance(source, str) else json.dumps(source)
    tags = [InputTag("mlflow.data.context", context)] if context else []
    return DatasetInput(Dataset(name, "8c1b2a3d", kind, text), tags)


def only(attester: Attester, source: Any, **more: Any) -> Any:
    (found,), left = dataset_inputs([listed(source, **more)], attester)
    assert left == 0
    return found


def train(folder: Path, text: str = "x,y\n1,2\n") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train.csv").write_text(text)
    return folder / "train.csv"


def test_an_attested_file(attester: Attester, tmp_path: Path) -> None:
    path = train(tmp_path / "data")
    attester.attest_content(measure(path), kind="dataset")
    found = only(attester, {"uri": str(path)}, context="training")
    assert found.content() == measure(path).content
    assert found.annotations["mlflow"]["context"] == "training"
    assert only(attester, {"uri": path.as_uri()}).content() == measure(path).content


def test_an_attested_folder(attester: Attester, tmp_path: Path) -> None:
    path = train(tmp_path / "data").parent
    attester.attest_content(measure(path), kind="dataset")
    assert only(attester, {"uri": str(path)}).content() == measure(path).content


def test_a_file_of_an_attested_folder(attester: Attester, tmp_path: Path) -> None:
    path = train(tmp_path / "data" / "2026")
    content = attester.attest_content(measure(tmp_path / "data"), kind="dataset").statement.contents()[0]
    found = only(attester, {"uri": str(path)})
    assert (found.content(), found.name, found.annotations["file"]) == (content, "data/", "2026/train.csv")


def test_a_file_changed_since_its_folder_was_attested(attester: Attester, tmp_path: Path) -> None:
    path = train(tmp_path / "data")
    attester.attest_content(measure(tmp_path / "data"), kind="dataset")
    train(tmp_path / "data", "x,y\n6,6\n")
    found = only(attester, {"uri": str(path)})
    assert (found.content(), found.annotations["content"]) == (None, run_datasets.NOT_MEASURED)


def test_a_file_changed_since_it_was_attested_is_named_as_it_is_now(attester: Attester, tmp_path: Path) -> None:
    """So that the gate says what changed, instead of that nothing is known."""
    path = train(tmp_path / "data")
    attester.attest_content(measure(path), kind="dataset")
    train(tmp_path / "data", "x,y\n6,6\n")
    assert only(attester, {"uri": str(path)}).content() == measure(path).content


def test_an_attestation_by_nobody_ties_nothing(attester: Attester, tmp_path: Path) -> None:
    """The store's pointers are anybody's: without a verified attestation a folder is not claimed."""
    from attestflow.signing.key import generate_key

    path = train(tmp_path / "data")
    stranger = Attester(attester.store, generate_key(tmp_path / "stranger.key"))
    stranger.attest_content(measure(tmp_path / "data"), kind="dataset")
    assert only(attester, {"uri": str(path)}).content() is None


@pytest.mark.parametrize("source", ["/etc/hostname", "/dev/zero", "/", "/proc/self/environ", "~/.ssh/id_rsa", "../.."])
def test_what_nobody_attested_is_not_opened(attester: Attester, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("it was read")

    monkeypatch.setattr(run_datasets, "measure", opened)
    assert only(attester, {"uri": source}).content() is None


def test_a_device_or_link_of_an_attested_name(attester: Attester, tmp_path: Path) -> None:
    path = train(tmp_path / "data")
    attester.attest_content(measure(path), kind="dataset")
    path.unlink()
    os.mkfifo(path)
    assert only(attester, {"uri": str(path)}).content() is None
    path.unlink()
    path.symlink_to("/dev/zero")
    assert only(attester, {"uri": str(path)}).content() is None


@pytest.mark.parametrize(
    "source",
    [
        "no json",
        "[" * 100_000,
        '{"uri": 7}',
        '{"uri": "a\\u0000b"}',
        '{"uri": "' + "x" * 100_000 + '"}',
        '{"uri": "\\ud800"}',
        "[]",
        '{"uri": "http://[::1"}',
    ],
)
def test_sources_that_say_nothing(attester: Attester, source: str) -> None:
    found = only(attester, source, name="x\u202ey")
    assert (found.name, found.uri, found.content()) == ("dataset", "mlflow-dataset:dataset", None)


def test_a_url_keeps_no_secret(attester: Attester) -> None:
    found = only(attester, {"url": "https://me:pw@example.com/d.csv?sig=1#f"}, kind="http", name="https://u:p@x/y?z")
    assert found.uri == "https://example.com/d.csv"
    assert found.name == "https://x/y"


def test_too_many_are_counted(attester: Attester) -> None:
    many = [listed({"url": f"https://example.com/{number}"}, kind="http") for number in range(MAX_DATASETS + 7)]
    found, left = dataset_inputs(many, attester)
    assert (len(found), left) == (MAX_DATASETS, 7)
