"""One file, several cores: one thread reads into a ring of buffers, and each hash has a thread of its own."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue

RING, RING_BUFFER = 4, 4 * 1024 * 1024

Update = Callable[[memoryview], object]


def read_in_lanes(descriptor: int, size: int, updates: Sequence[Update], on_read: Callable[[int], object]) -> bool:
    """Give the `size` bytes of an open file to each of `updates`, in order; False if it holds fewer or more bytes.

    `on_read` is told how many bytes were read, and may raise. OSError where the file cannot be read.
    """
    ring = [memoryview(bytearray(min(RING_BUFFER, size + 1))) for _ in range(RING)]
    lanes = [_Lane(update) for update in updates]
    left, turn = size, 0
    try:
        while left:
            if turn >= RING:
                for lane in lanes:
                    lane.wait()
            count = os.readv(descriptor, [ring[turn % RING]])
            if not 0 < count <= left:
                break
            for lane in lanes:
                lane.put(ring[turn % RING][:count])
            left -= count
            turn += 1
            on_read(count)
    finally:
        for lane in lanes:
            lane.close()
    for lane in lanes:
        lane.check()
    return not left and not os.readv(descriptor, [ring[0]])


class _Lane:
    """A thread that gives buffers to one hash, in order."""

    def __init__(self, update: Update) -> None:
        self._update = update
        self._todo: SimpleQueue[memoryview | None] = SimpleQueue()
        self._done: SimpleQueue[None] = SimpleQueue()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="attestflow-digest-lane", daemon=True)
        self._thread.start()

    def put(self, data: memoryview) -> None:
        self._todo.put(data)

    def wait(self) -> None:
        """Until one more buffer, the oldest that was not waited for, may be used again."""
        self._done.get()

    def close(self) -> None:
        self._todo.put(None)
        self._thread.join()

    def check(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while (data := self._todo.get()) is not None:
            try:
                if self._error is None:
                    self._update(data)
            except BaseException as exc:  # raised by `check`, in the thread that reads
                self._error = exc
            self._done.put(None)
