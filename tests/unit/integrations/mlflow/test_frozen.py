"""Freezes: a writer and who freezes see each other, and what was read under a freeze counts while it holds unbroken."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from attestflow.digest import ContentDigest
from attestflow.errors import StoreError
from attestflow.integrations.mlflow.server import frozen
from attestflow.integrations.mlflow.server.frozen import Freezes, Frozen

CONTENT = ContentDigest("tree", "a" * 64)


@pytest.fixture
def freezes(tmp_path: Path) -> Freezes:
    made = Freezes(create_engine(f"sqlite:///{tmp_path}/freezes.db"))
    made.create_tables()
    made.create_tables()  # a second server finds them there
    return made


def still_holds(freezes: Freezes, freeze: frozen.Freeze) -> bool:
    with freezes.engine.begin() as session:
        return freezes.still_holds(session, freeze)


def release(freezes: Freezes, path: str) -> bool:
    with freezes.engine.begin() as session:
        return freezes.release(session, path)


@pytest.mark.parametrize(
    "path", ["1/m", "1/m/MLmodel", "1/m/a/b/c", "1", "", "1/M/mlmodel", "1//m/./x", "1/ｍ", "1/m/a_b%"]
)
def test_nothing_is_written_at_above_or_below(freezes: Freezes, path: str) -> None:
    freezes.freeze("1/m")
    for tree in (False, True):
        with pytest.raises(Frozen), freezes.writing(path, tree=tree):
            pytest.fail("it was let through")


@pytest.mark.parametrize("path", ["1/n", "1/m2/x", "2/m", "1/mm", "1/_", "1/%", "10/x"])
def test_what_lies_beside_is_free(freezes: Freezes, path: str) -> None:
    freezes.freeze("1/m")
    with freezes.writing(path):
        pass
    assert freezes.freeze(path).content is None


def test_a_delete_by_first_letters_is_refused(freezes: Freezes) -> None:
    """Some object stores delete every key that begins with what they are given."""
    freezes.freeze("1/models/m-abc")
    with pytest.raises(Frozen), freezes.writing("1/models/m-a", tree=True):
        pytest.fail("it was let through")
    with freezes.writing("1/models/m-a"):
        pass


@pytest.mark.parametrize(("one", "other", "same"), [("1/m", "1/M/x", True), ("1", "1/m", True), ("1/m", "1/mm", False)])
def test_overlap(one: str, other: str, same: bool) -> None:
    assert frozen.overlap(one, other) is frozen.overlap(other, one) is same


def test_a_freeze_waits_for_writes_under_way(freezes: Freezes) -> None:
    ended: list[float] = []

    def write() -> None:
        with freezes.writing("1/m/weights"):
            time.sleep(0.5)
            ended.append(time.monotonic())

    writer = threading.Thread(target=write)
    writer.start()
    time.sleep(0.2)
    freezes.freeze("1/m")
    assert ended
    writer.join()


def test_a_freeze_does_not_wait_for_ever(freezes: Freezes) -> None:
    with freezes.writing("1/m/weights"), pytest.raises(StoreError, match="under way") as caught:
        freezes.freeze("1/m", patience=0.2)
    assert caught.value.retryable
    assert freezes.freeze("1/m").content is None


def test_a_write_of_a_process_that_is_gone_holds_up_nothing(freezes: Freezes, tmp_path: Path) -> None:
    code = (
        "import os, sys; from sqlalchemy import create_engine; from attestflow.integrations.mlflow.server.frozen import Freezes\n"
        "write = Freezes(create_engine(sys.argv[1])).writing('1/m/weights'); write.__enter__(); os._exit(9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(freezes.engine.url)], check=False)
    assert done.returncode == 9
    with freezes.engine.connect() as connection:
        assert connection.execute(text("select count(*) from attestflow_writes")).scalar() == 1
    freezes.freeze("1/m", patience=0.5)


def test_a_write_of_another_machine_is_given_up_after_its_lease(
    freezes: Freezes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frozen, "_machine", lambda: "another")
    write = freezes.writing("1/m/weights")  # the name keeps it from ending here
    write.__enter__()
    monkeypatch.undo()
    with pytest.raises(StoreError, match="under way"):
        freezes.freeze("1/m", patience=0.2)
    later = Freezes(freezes.engine, lambda: time.time() + frozen.LEASE + 1)
    later.freeze("1/m", patience=0.2)


def test_a_write_that_was_given_up_and_goes_on_breaks_the_freeze(
    freezes: Freezes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker is stopped in the middle of a write, the freeze is made without it, and then it goes on."""
    stopped = freezes.writing("1/m/weights")
    stopped.__enter__()
    later = Freezes(freezes.engine, lambda: time.time() + frozen.LEASE + 1)
    freeze = later.record(later.freeze("1/m", patience=0.2), CONTENT)
    assert still_holds(freezes, freeze)
    stopped.__exit__(None, None, None)
    assert not still_holds(freezes, freeze)
    found = freezes.find("1/m")
    assert found is not None
    assert found.content is None


def test_a_digest_counts_while_its_freeze_holds(freezes: Freezes) -> None:
    freeze = freezes.freeze("1/m")
    read = freezes.record(freeze, CONTENT)
    assert freezes.freeze("1/m") == read == freezes.find("1/m")
    assert still_holds(freezes, read)
    assert release(freezes, "1/m")
    assert not release(freezes, "1/m")
    assert not still_holds(freezes, read)
    again = freezes.freeze("1/m")
    assert again.id != read.id
    assert not still_holds(freezes, read)
    with pytest.raises(StoreError, match="released while it was read"):
        freezes.record(freeze, CONTENT)


def test_another_digest_is_not_the_one_decided_about(freezes: Freezes) -> None:
    freeze = freezes.record(freezes.freeze("1/m"), CONTENT)
    with freezes.engine.begin() as connection:
        connection.execute(text("update attestflow_freezes set content = :c"), {"c": f"tree:sha256:{'b' * 64}"})
    assert not still_holds(freezes, freeze)


def test_a_failed_reading_leaves_no_freeze(freezes: Freezes) -> None:
    freeze = freezes.freeze("1/m")
    freezes.drop_unread(freeze)
    assert freezes.find("1/m") is None
    read = freezes.record(freezes.freeze("1/m"), CONTENT)
    freezes.drop_unread(read)
    assert freezes.find("1/m") == read


def test_many_at_once_make_one_freeze(freezes: Freezes) -> None:
    ids: list[str] = []
    threads = [threading.Thread(target=lambda: ids.append(freezes.freeze("1/m").id)) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(ids) == 8
    assert len(set(ids)) == 1
