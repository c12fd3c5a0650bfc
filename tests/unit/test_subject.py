"""Measuring files and trees, and what is refused."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from blake3 import blake3

from attestflow import hashing, lanes
from attestflow.digest import LISTING_MEDIA_TYPE, ContentDigest
from attestflow.errors import MalformedStatement, SubjectError
from attestflow.subject import ResourceDescriptor, measure, measure_quickly

NOTHING = hashlib.sha256(b"").hexdigest()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    for name in ("a b", "é", ".hidden", "deep/er/file", "deep/er.csv", "train/1.csv", "train/2.csv"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return root


def coreutils(root: Path) -> str:
    command = r"find . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0r sha256sum | sha256sum"
    done = subprocess.run(["bash", "-c", command], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.split()[0]


def test_a_tree_is_what_coreutils_computes(tree: Path) -> None:
    found = measure(tree)
    assert found.content == ContentDigest("tree", coreutils(tree))
    assert found.files == 7
    assert found.size == sum(path.stat().st_size for path in tree.rglob("*") if path.is_file())
    assert found.blake3 == measure_quickly(tree).blake3


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(b"x" * 3_000_000)
    found = measure(path)
    assert found.content == ContentDigest("file", hashlib.sha256(path.read_bytes()).hexdigest())
    assert found.blake3 == blake3(path.read_bytes()).hexdigest() == measure_quickly(path).blake3
    assert found.descriptor().to_json()["name"] == "weights"
    assert "mediaType" not in found.descriptor().to_json()


def test_empty_things_have_a_meaning(tmp_path: Path) -> None:
    (tmp_path / "tree" / "empty folder").mkdir(parents=True)
    assert measure(tmp_path / "tree").content == ContentDigest("tree", NOTHING)
    (tmp_path / "file").touch()
    assert measure(tmp_path / "file").content == ContentDigest("file", NOTHING)


@pytest.mark.parametrize("algorithms", [("sha256", "blake3"), ("sha256",)])
def test_big_files_take_the_same_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, algorithms: tuple[str, ...]
) -> None:
    """From a size on the hashes run in threads of their own; here that size is small."""
    monkeypatch.setattr(hashing, "BIG", 10)
    monkeypatch.setattr(lanes, "RING_BUFFER", 64)
    data = os.urandom(64 * lanes.RING * 5 + 7)
    for name in ("one", "two/one", "two/two"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    one = measure(tmp_path / "one", algorithms=algorithms)
    assert one.content.sha256 == hashlib.sha256(data).hexdigest()
    assert measure(tmp_path / "two", algorithms=algorithms).content.sha256 == coreutils(tmp_path / "two")
    assert measure_quickly(tmp_path / "one").blake3 == blake3(data).hexdigest()


def test_a_selection(tree: Path) -> None:
    part = measure(tree, include=["train/*.csv"])
    assert part.files == 2
    assert part.selection == ("train/*.csv",)
    assert part.descriptor().annotations["selection"] == ["train/*.csv"]
    for pattern, count in (("**/*.csv", 3), ("*", 3), ("train/", 2), ("**", 7), ("deep/**/file", 1), ("[ae]*", 1)):
        assert measure(tree, include=[pattern]).files == count, pattern


@pytest.mark.parametrize("pattern", ["nothing", "", "/abs", "../x", "train//1.csv", "x" * 2000])
def test_a_selection_of_nothing_is_refused(tree: Path, pattern: str) -> None:
    with pytest.raises(SubjectError, match="selects nothing"):
        measure(tree, include=[pattern])


def test_a_pattern_cannot_take_for_ever(tree: Path) -> None:
    start = time.process_time()
    with pytest.raises(SubjectError):
        measure(tree, include=["**/*" * 200 + "x", "*" * 200 + "x"])
    assert time.process_time() - start < 5


def test_a_file_has_no_selection(tree: Path) -> None:
    with pytest.raises(SubjectError, match="is a file"):
        measure(tree / "a b", include=["*"])


@pytest.mark.parametrize("where", ["top", "inside", "folder"])
def test_symlinks_are_refused(tree: Path, where: str) -> None:
    link = tree.with_name("link") if where == "top" else tree / "link"
    link.symlink_to(tree / "deep" if where == "folder" else tree)
    with pytest.raises(SubjectError, match="is a symlink"):
        measure(link if where == "top" else tree)


def test_pipes_sockets_and_devices_are_refused_without_waiting(tree: Path) -> None:
    os.mkfifo(tree / "pipe")
    for path in (tree, tree / "pipe"):
        with pytest.raises(SubjectError, match="named pipe"):
            measure(path)
    (tree / "pipe").unlink()
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(tree)
        server.bind("s")
        with pytest.raises(SubjectError, match="is a socket"):
            measure(tree)
    with pytest.raises(SubjectError, match="character device"):
        measure("/dev/null")


@pytest.mark.parametrize(
    "name", [b"back\\slash", b"new\nline", b"tab\t", b"\xff\xfe", b"\x1b[31m", "line\u2028".encode()]
)
def test_names_that_are_refused(tree: Path, name: bytes) -> None:
    Path(os.fsdecode(os.fsencode(tree) + b"/" + name)).write_bytes(b"")
    with pytest.raises(SubjectError, match="name"):
        measure(tree)


def test_names_that_collide(tree: Path) -> None:
    (tree / "TRAIN").mkdir()
    (tree / "TRAIN" / "3.csv").touch()
    with pytest.raises(SubjectError, match="the same"):
        measure(tree)


def test_missing_and_unreadable(tree: Path) -> None:
    with pytest.raises(SubjectError, match="cannot be read"):
        measure(tree / "nowhere")


def test_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "growing"
    path.write_bytes(b"x" * 8_000_000)
    stop = threading.Event()

    def write() -> None:
        with path.open("r+b") as file:
            while not stop.is_set():
                file.seek(0)
                file.write(os.urandom(8))
                file.flush()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with pytest.raises(SubjectError, match="changed while it was read"):
            _again_and_again(path)
    finally:
        stop.set()
        writer.join()


def _again_and_again(path: Path) -> None:
    for _ in range(50):
        measure(path)


def test_a_file_that_comes_while_the_tree_is_read(tree: Path) -> None:
    def progress(done: int, total: int) -> None:
        (tree / "late").touch()

    with pytest.raises(SubjectError, match="came or went"):
        measure(tree, progress=progress)


def test_progress_ends_at_the_total(tree: Path) -> None:
    calls: list[tuple[int, int]] = []
    size = measure(tree, progress=lambda done, total: calls.append((done, total))).size
    assert calls[-1] == (size, size)


def test_a_descriptor_must_be_clearly_a_file_or_a_tree() -> None:
    digest = {"sha256": "a" * 64}
    assert ResourceDescriptor(name="x", digest=digest).content() == ContentDigest("file", "a" * 64)
    assert ResourceDescriptor(name="x/", digest=digest, media_type=LISTING_MEDIA_TYPE).content() == ContentDigest(
        "tree", "a" * 64
    )
    assert ResourceDescriptor(name="x", digest={"gitCommit": "b"}).content() is None
    for name, media_type in (("x/", None), ("x", LISTING_MEDIA_TYPE)):
        with pytest.raises(MalformedStatement, match="neither clearly"):
            ResourceDescriptor(name=name, digest=digest, media_type=media_type).content()


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {"name": ""},
        {"name": 3},
        {"nmae": "x"},
        {"digest": []},
        {"digest": {"sha256": "A" * 64}},
        {"digest": {"sha256": 3}},
        {"annotations": []},
    ],
)
def test_malformed_descriptors(document: object) -> None:
    with pytest.raises(MalformedStatement, match="here"):
        ResourceDescriptor.from_json(document, "here")


@pytest.mark.slow
def test_a_hundred_thousand_files_in_a_hundred_mebibytes(tmp_path: Path) -> None:
    """Peak memory of a process that measures both digests of 100,000 files."""
    for folder in range(100):
        (tmp_path / f"{folder:03}").mkdir()
        for file in range(1000):
            with open(tmp_path / f"{folder:03}" / f"file-{file:04}.txt", "wb") as out:
                out.write(b"%d" % file)
    code = (
        "import re, sys; from attestflow.subject import measure; found = measure(sys.argv[1])\n"
        # Not ru_maxrss: that would be the test runner's, which a child inherits.
        "peak = re.search(r'VmHWM:\\s+(\\d+) kB', open('/proc/self/status').read())[1]\n"
        "print(found.files, int(peak) // 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    files, peak = map(int, done.stdout.split())
    assert files == 100_000
    assert peak < 100, f"{peak} MiB"
