"""signing.keyfile: what is no plain file of ours is not read as a key."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from attestflow.errors import ConfigurationError
from attestflow.signing.keyfile import public_path, read_private, write_new


def test_a_missing_key_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file") as caught:
        read_private(tmp_path / "k")
    assert caught.value.hint


def test_a_folder_is_no_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="regular file"):
        read_private(tmp_path)


def test_a_pipe_in_a_keys_place_does_not_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "k", 0o600)
    start = time.monotonic()
    with pytest.raises(ConfigurationError, match="regular file"):
        read_private(tmp_path / "k")
    assert time.monotonic() - start < 5


def test_a_file_larger_than_any_key_is_refused(tmp_path: Path) -> None:
    write_new(tmp_path / "k", b"x" * 70_000, 0o600)
    with pytest.raises(ConfigurationError, match="larger"):
        read_private(tmp_path / "k")


@pytest.mark.skipif(os.geteuid() != 0, reason="giving files away needs root")
def test_a_key_of_another_user_is_refused(tmp_path: Path) -> None:
    write_new(tmp_path / "k", b"x", 0o600)
    os.chown(tmp_path / "k", 12345, -1)
    with pytest.raises(ConfigurationError, match="another user"):
        read_private(tmp_path / "k")


def test_a_mounted_secret_is_a_link_and_is_read(tmp_path: Path) -> None:
    """Kubernetes mounts secrets as links; the checks are made on the file behind."""
    write_new(tmp_path / "data", b"x", 0o600)
    (tmp_path / "k").symlink_to(tmp_path / "data")
    assert read_private(tmp_path / "k") == b"x"
    (tmp_path / "data").chmod(0o644)
    with pytest.raises(ConfigurationError, match="others"):
        read_private(tmp_path / "k")


def test_the_umask_does_not_open_a_new_key(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        write_new(tmp_path / "k", b"x", 0o600)
    finally:
        os.umask(old)
    assert read_private(tmp_path / "k") == b"x"


def test_names(tmp_path: Path) -> None:
    assert public_path(tmp_path / "owner.key") == tmp_path / "owner.key.pub"
    with pytest.raises(ConfigurationError, match="cannot be written"):
        write_new(tmp_path / "no" / "k", b"x", 0o600)
