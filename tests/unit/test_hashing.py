"""The engine that reads: right digests whatever the sizes, and no digest of what changes meanwhile."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from blake3 import blake3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attestflow import hashing, lanes
from attestflow.errors import SubjectError
from attestflow.files import Files, open_folder
from attestflow.hashing import Progress, hash_files
from attestflow.scanning import scan
from attestflow.selection import Selection
from attestflow.subject import measure, measure_quickly

BOTH = ("sha256", "blake3")
SMALL = {"BUFFER": 64, "BIG": 256, "BATCH_FILES": 3, "BATCH_BYTES": 150}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that counts bytes counts fewer, so that small files take the ways of big ones."""
    for name, value in SMALL.items():
        monkeypatch.setattr(hashing, name, value)
    monkeypatch.setattr(lanes, "RING_BUFFER", 64)


@pytest.fixture(autouse=True)
def _nothing_is_left_behind() -> Iterator[None]:
    before = len(os.listdir("/proc/self/fd"))
    yield
    assert len(os.listdir("/proc/self/fd")) == before
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("attestflow")]


def hash_tree(
    root: Path,
    algorithms: Collection[str] = BOTH,
    progress: Progress | None = None,
    between: Callable[[], object] = lambda: None,
) -> dict[str, tuple[str, ...]]:
    """Name -> digests; `between` runs after the scan and before anything is read."""
    descriptor = open_folder(str(root), lists=True)
    try:
        files = scan(descriptor, Selection())
        between()
        found = hash_files(files, algorithms, progress)
        assert list(found) == list(algorithms)
        return {
            name.decode(): tuple(found[algorithm][32 * index : 32 * index + 32].hex() for algorithm in algorithms)
            for index, name in enumerate(files.names)
        }
    finally:
        os.close(descriptor)


def expected(root: Path) -> dict[str, tuple[str, str]]:
    return {
        str(path.relative_to(root)): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            blake3(path.read_bytes()).hexdigest(),
        )
        for path in root.rglob("*")
        if path.is_file()
    }


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(st.sampled_from([0, 1, 63, 64, 65, 128, 255, 256, 257, 512, 700]), max_size=12),
    cores=st.sampled_from([1, 2, 5]),
)
def test_every_size_by_any_number_of_threads(
    sizes: list[int], cores: int, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing, "workers", lambda: cores)
    with TemporaryDirectory() as folder:
        root = Path(folder)
        for number, size in enumerate(sizes):
            path = root / f"folder-{number % 3}" / str(number)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(os.urandom(size))
        assert hash_tree(root) == expected(root)
        assert hash_tree(root, ["blake3"]) == {name: (digests[1],) for name, digests in expected(root).items()}


@pytest.mark.parametrize("size", [hashing.BUFFER - 1, hashing.BUFFER, hashing.BUFFER + 1, hashing.BIG, hashing.BIG + 1])
def test_the_real_sizes_at_which_the_way_of_reading_changes(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    with path.open("wb") as out:
        block = os.urandom(1 << 20)
        out.write(block * (size >> 20))
        out.write(block[: size & 0xFFFFF])
    data = path.read_bytes()
    found = measure(path)
    assert (found.content.sha256, found.blake3) == (hashlib.sha256(data).hexdigest(), blake3(data).hexdigest())
    assert measure_quickly(path).blake3 == found.blake3


def test_big_files_first_and_small_ones_in_batches(tmp_path: Path, small: None) -> None:
    sizes = [10, 300, 20, 400, 140, 30, 1, 2, 3, 4]
    for number, size in enumerate(sizes):
        (tmp_path / str(number)).write_bytes(bytes(size))
    descriptor = open_folder(str(tmp_path), lists=True)
    files = scan(descriptor, Selection())
    os.close(descriptor)
    tasks = [[files.sizes[index] for index in task] for task in hashing._tasks(files)]
    assert tasks[:2] == [[400], [300]]
    assert sorted(size for task in tasks for size in task) == sorted(sizes)
    assert all(len(task) <= 3 for task in tasks)


def _rewrite_with_the_old_time(path: Path) -> None:
    status = path.stat()
    path.write_bytes(b"?" * status.st_size)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _replace_with_the_old_time(path: Path) -> None:
    status = path.stat()
    other = path.with_name("other")
    other.write_bytes(b"?" * status.st_size)
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.rename(path)


def _swap(path: Path, make: Callable[[Path], object]) -> None:
    path.rename(path.with_name("aside"))
    make(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(path))  # the whole path may be too long for an address


CHANGES: dict[str, Callable[[Path], object]] = {
    "grown": lambda path: path.write_bytes(path.read_bytes() + b"x"),
    "shrunk": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "emptied": lambda path: path.write_bytes(b""),
    "rewritten with the same bytes": lambda path: path.write_bytes(path.read_bytes()),
    "rewritten, its time set back": _rewrite_with_the_old_time,
    "replaced, its time set back": _replace_with_the_old_time,
    "removed": Path.unlink,
    "a link to itself": lambda path: _swap(path, lambda path: path.symlink_to("aside")),
    "a pipe": lambda path: _swap(path, os.mkfifo),
    "a folder": lambda path: _swap(path, Path.mkdir),
    "a device": lambda path: _swap(path, lambda path: path.symlink_to("/dev/zero")),
    "a socket": lambda path: _swap(path, _socket),
    "its folder a link to where it went": lambda path: _swap(path.parent, lambda folder: folder.symlink_to("aside")),
    "its folder a copy": lambda path: _swap(
        path.parent, lambda folder: shutil.copytree(folder.with_name("aside"), folder)
    ),
    "its folder gone": lambda path: path.parent.rename(path.parent.parent.with_name("gone")),
}


@pytest.mark.parametrize("size", [1, 64, 200, 1000])
@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_before_it_is_read(
    tmp_path: Path, small: None, monkeypatch: pytest.MonkeyPatch, change: str, size: int
) -> None:
    """Not even a time that is set back hides it, and a pipe does not hold it up."""
    path = tmp_path / "tree" / "folder" / "file"
    path.parent.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    path.write_bytes(b"x" * size)
    (tmp_path / "tree" / "beside").write_bytes(b"y")
    assert hash_tree(tmp_path / "tree") == expected(tmp_path / "tree")
    with pytest.raises(SubjectError, match="changed while it was read"):
        hash_tree(tmp_path / "tree", between=lambda: CHANGES[change](path))


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("algorithms", [BOTH, ("sha256",), ("blake3",)])
def test_a_file_that_changes_behind_the_reader(
    tmp_path: Path, small: None, monkeypatch: pytest.MonkeyPatch, algorithms: tuple[str, ...], big: bool
) -> None:
    """What was read already is written to while the rest is read; the size stays."""
    monkeypatch.setattr(hashing, "BIG", 256 if big else 1 << 30)
    path = tmp_path / "file"
    path.write_bytes(b"x" * 64 * 20)
    changes: list[int] = []

    def progress(done: int, total: int) -> None:
        if not changes:
            changes.append(done)
            with path.open("r+b") as file:
                file.write(b"y")

    with pytest.raises(SubjectError, match="changed while it was read"):
        hash_tree(tmp_path, algorithms, progress)
    assert changes[0] < 64 * 20
    assert hash_tree(tmp_path, algorithms)


@pytest.mark.parametrize("name", ["/proc/self/status", "/proc/cpuinfo"])
def test_a_file_that_says_it_is_empty_and_is_not(name: str) -> None:
    assert os.stat(name).st_size == 0
    for read in (measure, measure_quickly):
        with pytest.raises(SubjectError, match="changed while it was read"):
            read(name)


def test_reading_never_waits_for_a_clock_that_is_far_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that was written a moment ago is waited for once; an old one is not."""
    (tmp_path / "file").touch()
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    young = Files(-1)
    young.add_folder(b"", (0, 0, 0, 0, 0))
    young.add(b"file", (tmp_path / "file").stat())
    monkeypatch.setattr(time, "time_ns", lambda: (tmp_path / "file").stat().st_ctime_ns + 1)
    young.settle()
    assert len(slept) == 1
    monkeypatch.setattr(time, "time_ns", lambda: (tmp_path / "file").stat().st_ctime_ns + 10**9)
    young.settle()
    assert len(slept) == 1


@pytest.mark.parametrize("sizes", [[1] * 20, [300, 300, 300], [5000]])
def test_an_error_in_any_thread_ends_all_threads(tmp_path: Path, small: None, sizes: list[int]) -> None:
    for number, size in enumerate(sizes):
        (tmp_path / str(number)).write_bytes(bytes(size))

    class StoppedError(Exception):
        pass

    def progress(done: int, total: int) -> None:
        raise StoppedError

    with pytest.raises(StoppedError):
        hash_tree(tmp_path, progress=progress)


def test_an_interrupt_in_the_middle_ends_all_threads(tmp_path: Path, small: None) -> None:
    for number in range(50):
        (tmp_path / str(number)).write_bytes(bytes(300))

    def progress(done: int, total: int) -> None:
        if done > 3000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hash_tree(tmp_path, progress=progress)


def test_progress_goes_up_to_the_total_in_one_thread_at_a_time(
    tmp_path: Path, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing, "_STEP", 0.0)
    for number in range(40):
        (tmp_path / str(number)).write_bytes(bytes(number * 20))
    calls: list[tuple[int, int]] = []
    inside = threading.Semaphore(1)

    def progress(done: int, total: int) -> None:
        assert inside.acquire(blocking=False)
        calls.append((done, total))
        inside.release()

    hash_tree(tmp_path, progress=progress)
    total = sum(number * 20 for number in range(40))
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    assert calls[-1] == (total, total)
    assert {of for _, of in calls} == {total}


def test_progress_is_told_a_few_times_a_second_at_most(tmp_path: Path) -> None:
    for number in range(2000):
        (tmp_path / str(number)).write_bytes(b"x")
    calls: list[int] = []
    start = time.monotonic()
    hash_tree(tmp_path, progress=lambda done, total: calls.append(done))
    assert len(calls) <= 2 + (time.monotonic() - start) / hashing._STEP
