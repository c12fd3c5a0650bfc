from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from attestflow.digest import Listing
from attestflow.errors import DigestMismatch, SubjectError
from attestflow.mlbom import files
from attestflow.mlbom.files import read_files


def nothing(name: str, size: int) -> bool:
    return False


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    (tmp_path / "sub" / "deep" / "é b.bin").write_bytes(b"x" * 3_000_000)
    (tmp_path / "sub.txt").write_bytes(b"y")
    (tmp_path / ".hidden").write_bytes(b"")
    return tmp_path


def test_digests_sizes_and_order(tree: Path) -> None:
    read = read_files(tree, nothing)
    assert [file.name for file in read.files] == [".hidden", "sub.txt", "sub/deep/é b.bin"]
    for file in read.files:
        data = (tree / file.name).read_bytes()
        assert (file.sha256, file.sha512) == (hashlib.sha256(data).hexdigest(), hashlib.sha512(data).hexdigest())
        assert file.size == len(data)
    assert read.kept == {}


def test_what_is_kept_is_what_was_hashed(tree: Path) -> None:
    read = read_files(tree, lambda name, size: name == "sub.txt" and size < 10)
    assert read.kept == {"sub.txt": b"y"}


@pytest.mark.parametrize("change", ["change", "add", "remove"])
def test_other_files_than_expected(tree: Path, change: str) -> None:
    expected = read_files(tree, nothing).listing
    assert read_files(tree, nothing, expected=expected).listing == expected
    if change == "change":
        (tree / "sub.txt").write_bytes(b"z")
    elif change == "add":
        (tree / "sub2.txt").write_bytes(b"z")
    else:
        (tree / "sub.txt").unlink()
    with pytest.raises(DigestMismatch, match=r"sub2?\.txt"):
        read_files(tree, nothing, expected=expected)


def test_empty_listing_is_another_tree(tree: Path) -> None:
    with pytest.raises(DigestMismatch):
        read_files(tree, nothing, expected=Listing(b""))


def test_links_devices_and_refused_names(tree: Path) -> None:
    (tree / "link").symlink_to("sub.txt")
    with pytest.raises(SubjectError, match="symbolic link"):
        read_files(tree, nothing)
    (tree / "link").unlink()
    os.mkfifo(tree / "pipe")
    with pytest.raises(SubjectError, match="device"):
        read_files(tree, nothing)
    (tree / "pipe").unlink()
    (tree / "a\x1bb").write_bytes(b"")
    with pytest.raises(SubjectError, match="control character"):
        read_files(tree, nothing)


def test_linked_directory_is_not_followed(tree: Path) -> None:
    (tree / "link").symlink_to(tree / "sub", target_is_directory=True)
    with pytest.raises(SubjectError, match="symbolic link"):
        read_files(tree, nothing)


def test_file_that_changes_while_it_is_read(tree: Path) -> None:
    def grow(name: str, size: int) -> bool:
        if name == "sub.txt":
            with (tree / name).open("ab") as file:
                file.write(b"more")
        return True

    with pytest.raises(SubjectError, match="changed while it was read"):
        read_files(tree, grow)


def test_bounds_and_nothing(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SubjectError, match="no directory"):
        read_files(tree / "sub.txt", nothing)
    with pytest.raises(SubjectError, match="cannot be read"):
        read_files(tree / "none", nothing)
    (tmp_path / "sub" / "empty").mkdir()
    with pytest.raises(SubjectError, match="holds no files"):
        read_files(tmp_path / "sub" / "empty", nothing)
    monkeypatch.setattr(files, "MAX_FILES", 2)
    with pytest.raises(SubjectError, match="more than 2 files"):
        read_files(tree, nothing)
