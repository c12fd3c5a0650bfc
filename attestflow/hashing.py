"""Reading files once for all digests that are asked for: threads, batches, and what changes while it is read is refused."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, NamedTuple

from blake3 import blake3

from attestflow.documents import shown
from attestflow.errors import SubjectError

Progress = Callable[[int, int], None]

BUFFER = 1024 * 1024
BATCH_FILES = 256
BATCH_BYTES = 64 * 1024 * 1024
BIG = 256 * 1024 * 1024  # from here on one file is hashed by several threads
RING, RING_BUFFER = 6, 4 * 1024 * 1024
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_STEP = 0.1  # seconds between two calls of a progress callback


class Found(NamedTuple):
    """A file as it was found: its path relative to the root, and its size in bytes."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Digests:
    """Digests of one file's bytes (32 bytes each, None where not asked for), and how many bytes they are."""

    size: int
    sha256: bytes | None
    blake3: bytes | None


class Meter:
    """Counts bytes of all threads and calls `progress(done, total)` a few times a second, from one thread at a time."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0
        self._lock, self._next = threading.Lock(), 0.0

    def add(self, count: int) -> None:
        if self._progress is None:
            return
        with self._lock:
            self._done += count
            now = time.monotonic()
            if now >= self._next or self._done >= self._total:
                self._next = now + _STEP
                self._progress(self._done, self._total)


def workers() -> int:
    """As many threads as this process may use cores."""
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def hash_one(
    path: str, algorithms: Collection[str], meter: Meter, *, expected: int | None = None, alone: bool = True
) -> Digests:
    """Digest one regular file in one read; `alone`: no other file is read meanwhile, so a big one may take all cores.

    SubjectError for anything that is no regular file, and for a file that changes meanwhile.
    """
    descriptor = _open(path)
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise SubjectError(f"{shown(path)} is {kind_of(before.st_mode)}", hint="only regular files can be attested")
        if expected is not None and before.st_size != expected:
            raise _changed(path)
        if alone and before.st_size >= BIG:
            digests = _read_big(descriptor, algorithms, meter)
        else:
            digests = _read(descriptor, before.st_size, algorithms, meter)
        after = os.fstat(descriptor)
    except OSError as exc:
        raise SubjectError(f"{shown(path)} cannot be read: {exc.strerror}") from None
    finally:
        os.close(descriptor)
    if _identity(before) != _identity(after) or digests.size != before.st_size:
        raise _changed(path)
    return digests


def hash_many(
    root: str, files: Sequence[Found], algorithms: Collection[str], progress: Progress | None
) -> dict[str, bytearray]:
    """Digests of `files` below `root`: for each algorithm 32 bytes a file, in their order (a tree has many files).

    Big files go first, small ones 256 a task.
    """
    meter = Meter(progress, sum(file.size for file in files))
    results = {algorithm: bytearray(32 * len(files)) for algorithm in algorithms}
    big = [index for index, file in enumerate(files) if file.size >= BIG]
    tasks = list(_batches(files))

    def run(batch: Sequence[int]) -> None:
        for index in batch:
            file = files[index]
            found = hash_one(f"{root}/{file.name}", algorithms, meter, expected=file.size, alone=len(big) == 1)
            for algorithm, digest in (("sha256", found.sha256), ("blake3", found.blake3)):
                if digest is not None:
                    results[algorithm][32 * index : 32 * index + 32] = digest

    if len(big) == 1:  # one big file gets all threads; several get one each
        run(big)
    else:
        tasks = [[index] for index in sorted(big, key=lambda index: -files[index].size)] + tasks
    _run_all(run, tasks)
    return results


def _run_all(run: Callable[[Sequence[int]], None], tasks: list[list[int]]) -> None:
    if len(tasks) <= 1:
        for task in tasks:
            run(task)
        return
    with ThreadPoolExecutor(workers(), thread_name_prefix="attestflow-digest") as pool:
        futures: list[Future[None]] = [pool.submit(run, task) for task in tasks]
        try:
            for future in futures:
                future.result()
        except BaseException:
            for future in futures:
                future.cancel()
            wait(futures)
            raise


def _batches(files: Sequence[Found]) -> Iterator[list[int]]:
    batch: list[int] = []
    size = 0
    for index, file in enumerate(files):
        if file.size >= BIG:
            continue
        batch.append(index)
        size += file.size
        if len(batch) >= BATCH_FILES or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


_local = threading.local()


def _buffer() -> memoryview:
    view = getattr(_local, "view", None)
    if view is None:
        view = _local.view = memoryview(bytearray(BUFFER))
    return view


def _read(descriptor: int, size: int, algorithms: Collection[str], meter: Meter) -> Digests:
    """Up to `size` bytes; whether there are more, or fewer, the caller sees in the file's status afterwards."""
    view = _buffer()
    if size <= BUFFER:  # nearly every file of a large tree: one read, each hash in one call
        count = os.readv(descriptor, [view]) if size else 0
        part = view[:count]
        meter.add(count)
        return Digests(
            count,
            hashlib.sha256(part).digest() if "sha256" in algorithms else None,
            blake3(part).digest() if "blake3" in algorithms else None,
        )
    sha = hashlib.sha256() if "sha256" in algorithms else None
    quick = blake3() if "blake3" in algorithms else None
    total = 0
    while total < size and (count := os.readv(descriptor, [view])):
        part = view[:count]
        if sha is not None:
            sha.update(part)
        if quick is not None:
            quick.update(part)
        total += count
        meter.add(count)
    return _done(total, sha, quick)


def _read_big(descriptor: int, algorithms: Collection[str], meter: Meter) -> Digests:
    """One file, all cores: each hash takes a thread of its own on the same buffers, and BLAKE3 alone takes several."""
    sha = hashlib.sha256() if "sha256" in algorithms else None
    quick = blake3(max_threads=1 if sha is not None else workers()) if "blake3" in algorithms else None
    total = _pump(descriptor, [each for each in (sha, quick) if each is not None], meter)
    return _done(total, sha, quick)


def _pump(descriptor: int, hashes: list[Any], meter: Meter) -> int:
    """Feed each hash in a thread of its own from one ring of buffers; the reader waits for the slowest."""
    ring = [memoryview(bytearray(RING_BUFFER)) for _ in range(RING)]
    pending: list[list[Future[None]]] = [[] for _ in ring]
    total = slot = 0
    pools = [ThreadPoolExecutor(1, thread_name_prefix="attestflow-digest") for _ in hashes]
    try:
        while True:
            for future in pending[slot]:
                future.result()
            count = os.readv(descriptor, [ring[slot]])
            if not count:
                break
            part = ring[slot][:count]
            pending[slot] = [pool.submit(each.update, part) for pool, each in zip(pools, hashes, strict=True)]
            total += count
            meter.add(count)
            slot = (slot + 1) % RING
        for futures in pending:
            for future in futures:
                future.result()
    finally:
        for pool in pools:
            pool.shutdown()
    return total


def _done(total: int, sha: Any, quick: Any) -> Digests:
    return Digests(total, sha.digest() if sha is not None else None, quick.digest() if quick is not None else None)


def _open(path: str) -> int:
    try:
        return os.open(path, _FLAGS)
    except OSError as exc:
        if os.path.islink(path):
            raise SubjectError(f"{shown(path)} is a symlink", hint="attest the file that it leads to") from None
        raise SubjectError(f"{shown(path)} cannot be read: {exc.strerror}") from None


def _identity(status: os.stat_result) -> tuple[int, int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _changed(path: str) -> SubjectError:
    return SubjectError(f"{shown(path)} changed while it was read", hint="attest it when nothing writes to it any more")


def kind_of(mode: int) -> str:
    """What a file of this mode is, in words."""
    for test, words in (
        (stat.S_ISLNK, "a symlink"),
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a named pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a character device"),
        (stat.S_ISBLK, "a block device"),
    ):
        if test(mode):
            return words
    return "no regular file"
