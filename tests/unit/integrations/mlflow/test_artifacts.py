"""The guarded artifact repository: what cannot be known is refused, and nothing is written elsewhere."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow.exceptions import MlflowException
from mlflow.server import handlers
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
from sqlalchemy import create_engine

from attestflow.integrations.mlflow.server.artifacts import guarded, outside
from attestflow.integrations.mlflow.server.frozen import Freezes


def root(serving: Path) -> str:
    return f"attestflow+{serving.as_uri()}"


async def chunks() -> AsyncIterator[bytes]:
    yield b"x"


def writes(repository: Any, folder: Path) -> list[Callable[[], Any]]:
    """Each way to write that the repository has."""
    (folder / "a.txt").write_text("x")
    return [
        lambda: repository.log_artifact(str(folder / "a.txt"), "1/m"),
        lambda: repository.log_artifacts(str(folder), "1/m"),
        lambda: repository.delete_artifacts("1/m"),
        lambda: repository.log_artifact_from_stream(io.BytesIO(b"x"), "a.txt", "1/m"),
        lambda: asyncio.run(repository.log_artifact_from_async_stream(chunks(), "a.txt", "1/m")),
    ]


def forbidden(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(MlflowException, match=words) as caught:
        call()
    assert caught.value.get_http_status_code() == 403


class Registry:
    """A server's registry store, with freezes or without."""

    def __init__(self, freezes: Any) -> None:
        self.freezes = freezes


def test_beside_a_registry_without_a_gate_nothing_is_written(
    serving: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "_get_model_registry_store", lambda: Registry(None))
    files = tmp_path / "files"
    files.mkdir()
    for write in writes(guarded(root(serving), root(serving)), files):
        forbidden(write, "has no gate")
    assert not list(serving.iterdir())


def test_where_the_freezes_cannot_be_read_nothing_is_written(
    serving: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No tables there: a database that was replaced, say."""
    empty = Freezes(create_engine(f"sqlite:///{tmp_path}/empty.db"))
    monkeypatch.setattr(handlers, "_get_model_registry_store", lambda: Registry(empty))
    files = tmp_path / "files"
    files.mkdir()
    for write in writes(guarded(root(serving), root(serving)), files):
        with pytest.raises(Exception, match="no such table"):
            write()
    assert not list(serving.iterdir())


def test_every_way_to_write_asks(serving: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    freezes = Freezes(create_engine(f"sqlite:///{tmp_path}/freezes.db"))
    freezes.create_tables()
    monkeypatch.setattr(handlers, "_get_model_registry_store", lambda: Registry(freezes))
    files = tmp_path / "files"
    files.mkdir()
    repository = guarded(root(serving), root(serving))
    for write in writes(repository, files):
        write()
    freezes.freeze("1/m")
    for write in writes(repository, files):
        forbidden(write, "is frozen")
    forbidden(lambda: repository.log_artifact(str(files / "a.txt"), "1/n/../m"), "no plain path")


def test_seen_from_a_folder_of_the_destination(serving: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow opens traces below the root: the same files, by another repository."""
    freezes = Freezes(create_engine(f"sqlite:///{tmp_path}/freezes.db"))
    freezes.create_tables()
    freezes.freeze("1/m")
    monkeypatch.setattr(handlers, "_get_model_registry_store", lambda: Registry(freezes))
    file = tmp_path / "a.txt"
    file.write_text("x")
    below = guarded(f"{root(serving)}/1/m", root(serving))
    forbidden(lambda: below.log_artifact(str(file)), "is frozen")


@pytest.mark.parametrize("uri", ["attestflow+file:///elsewhere", "{root}-2", "file:///srv"])
def test_another_destination_is_not_opened(uri: str, serving: Path) -> None:
    forbidden(lambda: guarded(uri.format(root=root(serving)), root(serving)), "is not this server's")


def test_out_of_the_destination_by_dots(serving: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is below the root by its letters, and nothing is written there all the same."""
    freezes = Freezes(create_engine(f"sqlite:///{tmp_path}/freezes.db"))
    freezes.create_tables()
    monkeypatch.setattr(handlers, "_get_model_registry_store", lambda: Registry(freezes))
    above = guarded(f"{root(serving)}/../x", root(serving))
    file = tmp_path / "a.txt"
    file.write_text("x")
    with pytest.raises(MlflowException):
        above.log_artifact(str(file))
    assert not (serving.parent / "x").exists()


def test_in_a_process_that_is_no_server_none_is_opened(serving: Path) -> None:
    forbidden(lambda: guarded(root(serving), ""), "is not this server's")


def test_elsewhere_is_read_and_not_written(tmp_path: Path) -> None:
    place, files = tmp_path / "elsewhere", tmp_path / "files"
    files.mkdir()
    (place / "1").mkdir(parents=True)
    (place / "1" / "read.txt").write_text("read")
    made = outside(place.as_uri(), LocalArtifactRepository(place.as_uri()))
    forbidden(lambda: made.log_artifact(str(files), "1"), "its own --artifacts-destination alone")
    forbidden(lambda: made.log_artifacts(str(files), "1"), "its own --artifacts-destination alone")
    forbidden(lambda: made.delete_artifacts("1"), "its own --artifacts-destination alone")
    assert [each.path for each in made.list_artifacts("1")] == ["1/read.txt"]
    assert Path(made.download_artifacts("1/read.txt")).read_text() == "read"
