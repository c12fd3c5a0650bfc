"""Which files a tree holds, and trees that change while they are looked at."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from attestflow import files as files_module
from attestflow import scanning
from attestflow.errors import SubjectError
from attestflow.files import Files, open_folder
from attestflow.scanning import check_unchanged, scan
from attestflow.selection import Selection

ALL = Selection()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    for name in ("top", "train/1.csv", "train/deep/2.csv", "other/3.csv"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (root / "empty").mkdir()
    return root


@pytest.fixture
def root(tree: Path) -> Iterator[int]:
    opened = open_folder(str(tree), lists=True)
    yield opened
    os.close(opened)


def names(files: Files) -> set[str]:
    return {name.decode() for name in files.names}


def test_every_file_with_its_size(root: int) -> None:
    found = scan(root, ALL)
    assert names(found) == {"top", "train/1.csv", "train/deep/2.csv", "other/3.csv"}
    assert {name.decode(): size for name, size in zip(found.names, found.sizes, strict=True)}["top"] == 3
    for index, name in enumerate(found.names):
        assert name.startswith(found.folders[found.folder_of[index]][0])


@pytest.mark.parametrize("what", ["link", "pipe", "name", "collision"])
def test_what_a_selection_cannot_reach_is_not_looked_at(tree: Path, root: int, what: str) -> None:
    """A virtual environment full of links lies beside the data."""
    _put(what, tree / "other")
    assert names(scan(root, Selection(["train/**"]))) == {"train/1.csv", "train/deep/2.csv"}
    for selection in (ALL, Selection(["**/1.csv"]), Selection(["other/"])):
        with pytest.raises(SubjectError):
            scan(root, selection)


def test_a_link_in_the_way_of_a_selection_is_refused(tree: Path, root: int) -> None:
    """It must not be passed over: the selection would silently lack what lies behind it."""
    (tree / "train").rename(tree / "elsewhere")
    (tree / "train").symlink_to("elsewhere")
    with pytest.raises(SubjectError, match="train.*symlink"):
        scan(root, Selection(["train/**", "top"]))


def test_folders_that_are_not_utf8(tree: Path, root: int) -> None:
    os.makedirs(os.fsencode(tree) + b"/\xff")
    with pytest.raises(SubjectError, match="not UTF-8"):
        scan(root, ALL)


def _put(what: str, folder: Path) -> None:
    if what == "link":
        (folder / "link").symlink_to("3.csv")
    elif what == "pipe":
        os.mkfifo(folder / "pipe")
    elif what == "name":
        (folder / "back\\slash").touch()
    else:
        (folder / "3.CSV").touch()


def _replace(path: Path) -> None:
    """Another file of the same size and times takes the place of this one."""
    status = path.stat()
    new = path.with_name("new")
    new.write_bytes(b"?" * status.st_size)
    os.utime(new, ns=(status.st_atime_ns, status.st_mtime_ns))
    new.rename(path)


CHANGES: dict[str, Callable[[Path], object]] = {
    "a file comes": lambda tree: (tree / "train/deep/late").touch(),
    "a file comes to an empty folder": lambda tree: (tree / "empty/late").touch(),
    "a file goes": lambda tree: (tree / "train/1.csv").unlink(),
    "a file is replaced": lambda tree: _replace(tree / "train/1.csv"),
    "a file is renamed": lambda tree: (tree / "train/1.csv").rename(tree / "train/0.csv"),
    "a folder with a file comes": lambda tree: ((tree / "new").mkdir(), (tree / "new/file").touch()),
    "a folder goes": lambda tree: ((tree / "other/3.csv").unlink(), (tree / "other").rmdir()),
    "a folder is renamed": lambda tree: (tree / "train").rename(tree / "test"),
    "a folder becomes a link": lambda tree: (
        (tree / "train").rename(tree.with_name("moved")),
        (tree / "train").symlink_to(tree.with_name("moved")),
    ),
    "a link comes": lambda tree: (tree / "link").symlink_to("top"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_tree_that_is_another_one_at_the_end(tree: Path, root: int, change: str) -> None:
    found = scan(root, ALL)
    check_unchanged(found, ALL)
    CHANGES[change](tree)
    with pytest.raises(SubjectError):
        check_unchanged(found, ALL)


def test_what_comes_and_goes_again_changes_nothing(tree: Path, root: int) -> None:
    found = scan(root, ALL)
    (tree / "train" / "temporary").touch()
    (tree / "train" / "temporary").unlink()
    check_unchanged(found, ALL)


def test_what_is_not_selected_may_change(tree: Path, root: int) -> None:
    selection = Selection(["train/**"])
    found = scan(root, selection)
    (tree / "log").touch()
    (tree / "other" / "late.csv").touch()
    check_unchanged(found, selection)
    (tree / "train" / "late").touch()
    with pytest.raises(SubjectError, match=r"late.*came or went"):
        check_unchanged(found, selection)


def test_a_folder_that_is_swapped_before_it_is_entered(tree: Path, root: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the entry being read and the folder being opened, another folder takes its name."""
    aside, enter = tree.with_name("aside"), scanning.open_folder

    def swap(path: bytes, parent: int | None = None, *, lists: bool) -> int:
        if path == b"train" and not aside.exists():
            (tree / "train").rename(aside)
            (tree / "train").mkdir()
            (tree / "train" / "poison").touch()
        return enter(path, parent, lists=lists)

    monkeypatch.setattr(scanning, "open_folder", swap)
    with pytest.raises(SubjectError, match="train.*changed"):
        scan(root, ALL)


def test_a_change_a_moment_ago_is_waited_out(tree: Path, root: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that ticks every few milliseconds gives two changes one time: the second would not show."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(scanning, "is_young", lambda changed: len(slept) < 3)
    scan(root, ALL)
    assert len(slept) == 3
    monkeypatch.setattr(scanning, "is_young", lambda changed: True)
    with pytest.raises(SubjectError, match="changed while it was read"):
        scan(root, ALL)


def test_which_changes_are_a_moment_ago() -> None:
    now = time.time_ns()
    assert files_module.is_young(now)
    assert not files_module.is_young(now - 10 * files_module.TICK_NS)
    assert not files_module.is_young(now + 10**12)  # of a server whose clock is ahead: no reason to wait for it


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another account")
@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_may_not_be_read(what: str) -> None:
    import shutil
    import tempfile

    from attestflow.subject import measure

    root = Path(tempfile.mkdtemp())
    try:
        root.chmod(0o755)
        (root / "folder").mkdir()
        (root / "folder" / "secret").write_text("x")
        (root / "folder" / "secret" if what == "file" else root / "folder").chmod(0)
        measure(root)  # root reads it
        child = os.fork()
        if child == 0:
            os.setuid(65534)
            try:
                measure(root)
            except SubjectError as exc:
                os._exit(0 if "cannot be read: Permission denied" in exc.message else 2)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        shutil.rmtree(root)
