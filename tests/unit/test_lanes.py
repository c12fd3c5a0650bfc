"""One file read by several threads."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from attestflow import lanes
from attestflow.lanes import read_in_lanes

DATA = os.urandom(64 * 11 + 5)


@pytest.fixture
def descriptor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(lanes, "RING_BUFFER", 64)
    path = tmp_path / "data"
    path.write_bytes(DATA)
    opened = os.open(path, os.O_RDONLY)
    yield opened
    os.close(opened)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("attestflow")]


def test_each_lane_gets_all_bytes_in_order(descriptor: int) -> None:
    first, second, counts = bytearray(), bytearray(), list[int]()
    assert read_in_lanes(descriptor, len(DATA), [first.extend, second.extend], counts.append)
    assert first == second == DATA
    assert sum(counts) == len(DATA)


def test_a_slow_lane_is_waited_for(descriptor: int) -> None:
    """A buffer is not filled again before every lane is done with it."""
    late, gate = bytearray(), threading.Event()

    def slow(data: memoryview) -> None:
        gate.wait(0.01)
        late.extend(data)

    assert read_in_lanes(descriptor, len(DATA), [slow, lambda data: None], lambda count: None)
    assert late == DATA


@pytest.mark.parametrize("size", [0, 1, 64 * 11, len(DATA) - 1, len(DATA) + 1, 2 * len(DATA)])
def test_another_size_than_said(descriptor: int, size: int) -> None:
    assert not read_in_lanes(descriptor, size, [lambda data: None], lambda count: None)


@pytest.mark.parametrize("at", [1, 3, 11])
def test_an_error_in_a_lane_comes_back(descriptor: int, at: int) -> None:
    calls: list[int] = []

    def update(data: memoryview) -> None:
        calls.append(len(data))
        if len(calls) == at:
            raise MemoryError("in the lane")

    with pytest.raises(MemoryError, match="in the lane"):
        read_in_lanes(descriptor, len(DATA), [update, lambda data: None], lambda count: None)
    assert len(calls) == at


def test_an_error_in_the_reading_thread_ends_the_lanes(descriptor: int) -> None:
    def stop(count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_in_lanes(descriptor, len(DATA), [lambda data: None], stop)
