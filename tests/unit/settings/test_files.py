"""Files that decide about trust are refused when somebody else could have written them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from attestflow.errors import ConfigurationError
from attestflow.settings.files import MAX_BYTES, read_guarded, write_whole


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    path.chmod(0o644)
    return path


def test_reads_a_file_of_ours(file: Path) -> None:
    assert read_guarded(file, "settings") == b"content"


@pytest.mark.parametrize("mode", [0o666, 0o664, 0o646])
def test_refuses_what_others_may_write(file: Path, mode: int) -> None:
    file.chmod(mode)
    with pytest.raises(ConfigurationError, match="written by others"):
        read_guarded(file, "settings")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_refuses_a_file_of_another_user(file: Path) -> None:
    os.chown(file, 12345, 12345)
    with pytest.raises(ConfigurationError, match="belongs to user 12345"):
        read_guarded(file, "settings")


def test_refuses_what_is_no_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "fifo"):
        with pytest.raises(ConfigurationError):
            read_guarded(path, "settings")


def test_refuses_missing_and_oversized(file: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist"):
        read_guarded(file.with_name("no"), "settings")
    file.write_bytes(b"x" * (MAX_BYTES + 1))
    with pytest.raises(ConfigurationError, match="larger"):
        read_guarded(file, "settings")


def test_write_whole_replaces_and_leaves_no_temporary(file: Path) -> None:
    write_whole(file, b"new", mode=0o600)
    assert file.read_bytes() == b"new"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]
