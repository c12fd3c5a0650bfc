"""Reading files once for all digests that are asked for, with all cores; what changes while it is read is refused.

Small files go 256 to a task, because a task costs more than a small file. Big files go first, one thread each; where
there are fewer of them than cores, one file is read, and hashed by each algorithm, in threads of their own.
"""

from __future__ import annotations

import errno
import hashlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from blake3 import blake3

from attestflow.errors import SubjectError
from attestflow.files import Files, cannot_be_read, changed_while_read, identity, open_file, open_folder
from attestflow.lanes import read_in_lanes

Progress = Callable[[int, int], None]

BUFFER = 1024 * 1024
BATCH_FILES = 256
BATCH_BYTES = 64 * 1024 * 1024
BIG = 64 * 1024 * 1024
MAX_THREADS = 16  # beyond this, threads that read small files only wait for Python's lock
DIGEST_SIZE = 32
_MAKERS: Mapping[str, Callable[..., Any]] = {"sha256": hashlib.sha256, "blake3": blake3}
# Gone; in a folder that is none; a link; a folder; a socket; a pipe.
_NO_FILE_NOW = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.EAGAIN}
_STEP = 0.1  # seconds between two calls of a progress callback


class Meter:
    """Counts bytes of all threads and calls `progress(done, total)` a few times a second, from one thread at a time."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0
        self._lock, self._next = threading.Lock(), 0.0

    def add(self, count: int) -> None:
        """Count `count` more bytes as read."""
        if self._progress is None:
            return
        with self._lock:
            self._done += count
            now = time.monotonic()
            if now >= self._next or self._done >= self._total:
                self._next = now + _STEP
                self._progress(self._done, self._total)


def hash_files(
    files: Files, algorithms: Collection[str], progress: Progress | None = None
) -> Mapping[str, bytes | bytearray]:
    """Digests of `files` by each of `algorithms` ("sha256", "blake3"): 32 bytes a file, in the order of `files`.

    Raises SubjectError for a file that cannot be read, and for one that is not what it was when it was found: before,
    while or after it was read.
    """
    files.settle()
    run = _Run(files, algorithms, progress)
    run.do(_tasks(files))
    return run.digests


def workers() -> int:
    """As many threads as this process may use cores."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(count, MAX_THREADS))


def _tasks(files: Files) -> Iterator[Sequence[int]]:
    """Big files alone and the biggest first, then batches of the others in the order in which they were found."""
    big = [index for index, size in enumerate(files.sizes) if size >= BIG]
    for index in sorted(big, key=lambda index: -files.sizes[index]):
        yield (index,)
    batch: list[int] = []
    total = 0
    for index, size in enumerate(files.sizes):
        if size >= BIG:
            continue
        batch.append(index)
        total += size
        if len(batch) >= BATCH_FILES or total >= BATCH_BYTES:
            yield batch
            batch, total = [], 0
    if batch:
        yield batch


class _Run:
    """One pass over many files: tasks that threads take, and the digests that they leave."""

    def __init__(self, files: Files, algorithms: Collection[str], progress: Progress | None) -> None:
        self._files = files
        self.digests = {name: bytearray(DIGEST_SIZE * len(files)) for name in algorithms}
        self._makers = [(_MAKERS[name], digests) for name, digests in self.digests.items()]
        self._meter = Meter(progress, sum(files.sizes))
        self._tasks: deque[Sequence[int]] = deque()
        self._big_left = 0
        self._lock = threading.Lock()
        self._error: BaseException | None = None

    def do(self, tasks: Iterable[Sequence[int]]) -> None:
        """Work all tasks off. The first error, from whichever thread, ends all threads and is raised."""
        self._tasks.extend(tasks)
        self._big_left = sum(1 for size in self._files.sizes if size >= BIG)
        count = min(workers(), len(self._tasks))
        threads = [threading.Thread(target=self._work, name=f"attestflow-digest-{n}") for n in range(1, count)]
        try:
            for thread in threads:
                thread.start()
            self._work()
            for thread in threads:
                thread.join()
        except BaseException as exc:  # a KeyboardInterrupt, or no thread to be had
            self._error = self._error or exc
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
            raise
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        try:
            buffer = memoryview(bytearray(BUFFER))
            while self._error is None:
                try:
                    task = self._tasks.popleft()
                except IndexError:
                    return
                if self._files.sizes[task[0]] >= BIG:
                    self._big_file(task[0], buffer)
                else:
                    self._small_files(task, buffer)
        except BaseException as exc:  # kept for the thread that waits, which raises it
            self._error = self._error or exc

    def _small_files(self, batch: Sequence[int], buffer: memoryview) -> None:
        files, makers, parts, folder = self._files, self._makers, [buffer], _Folder(self._files)
        index = batch[0]
        try:
            for index in batch:
                if self._error is not None:
                    return
                descriptor = folder.open_file(index)
                try:
                    count = os.readv(descriptor, parts)
                    if count == files.sizes[index] < BUFFER:  # there was room for more, and there was no more
                        data = buffer[:count]
                        at = DIGEST_SIZE * index
                        for make, digests in makers:
                            digests[at : at + DIGEST_SIZE] = make(data).digest()
                        self._meter.add(count)
                    else:
                        self._pieces(index, descriptor, buffer, count)
                    if identity(os.fstat(descriptor)) != files.identity(index):
                        raise changed_while_read(files.names[index])
                finally:
                    os.close(descriptor)
        except OSError as exc:
            raise _failure(files.names[index], exc) from None
        finally:
            folder.close()

    def _pieces(self, index: int, descriptor: int, buffer: memoryview, count: int) -> None:
        """A file that takes several reads, of which the first gave `count` bytes."""
        left = self._files.sizes[index]
        hashes = [make() for make, _ in self._makers]
        while 0 < count <= left:
            data = buffer[:count]
            for each in hashes:
                each.update(data)
            self._read(count)
            left -= count
            count = os.readv(descriptor, [buffer])
        if left or count:  # it ended early, or goes on behind its size
            raise changed_while_read(self._files.names[index])
        self._keep(index, hashes)

    def _big_file(self, index: int, buffer: memoryview) -> None:
        files, folder = self._files, _Folder(self._files)
        with self._lock:
            share = workers() // self._big_left
        try:
            descriptor = folder.open_file(index)
            try:
                if share > 1:
                    self._lanes(index, descriptor, share)
                else:
                    self._pieces(index, descriptor, buffer, os.readv(descriptor, [buffer]))
                if identity(os.fstat(descriptor)) != files.identity(index):
                    raise changed_while_read(files.names[index])
            finally:
                os.close(descriptor)
        except OSError as exc:
            raise _failure(files.names[index], exc) from None
        finally:
            folder.close()
        with self._lock:
            self._big_left -= 1

    def _lanes(self, index: int, descriptor: int, threads: int) -> None:
        """One file by `threads` cores; BLAKE3 alone is parallel in itself as well."""
        alone = len(self._makers) == 1
        hashes = [make(max_threads=threads) if alone and make is blake3 else make() for make, _ in self._makers]
        updates = [each.update for each in hashes]
        if not read_in_lanes(descriptor, self._files.sizes[index], updates, self._read):
            raise changed_while_read(self._files.names[index])
        self._keep(index, hashes)

    def _read(self, count: int) -> None:
        """Between two pieces of a file: count them, and stop where another thread has failed."""
        self._meter.add(count)
        if self._error is not None:
            raise self._error

    def _keep(self, index: int, hashes: Sequence[Any]) -> None:
        at = DIGEST_SIZE * index
        for each, (_, digests) in zip(hashes, self._makers, strict=True):
            digests[at : at + DIGEST_SIZE] = each.digest()


class _Folder:
    """The folder of the file that a thread reads, kept open until a file of another one comes."""

    def __init__(self, files: Files) -> None:
        self._files, self._number, self._descriptor = files, -1, -1

    def open_file(self, index: int) -> int:
        """A descriptor for a file. OSError."""
        number = self._files.folder_of[index]
        if number != self._number:
            self.close()
            path = self._files.folders[number][0]
            self._descriptor = open_folder(path or b".", self._files.root, lists=False)
            self._number = number
        return open_file(self._files.names[index].rpartition(b"/")[2], self._descriptor)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._number = self._descriptor = -1


def _failure(name: bytes, error: OSError) -> SubjectError:
    """What was a file a moment ago, and is gone or something else now, has changed; otherwise the system says why."""
    return changed_while_read(name) if error.errno in _NO_FILE_NOW else cannot_be_read(name, error)
