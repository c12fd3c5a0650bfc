"""`attestflow init` makes a working place and never overwrites."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .conftest import Run


def test_what_init_makes_is_healthy(made: Run, project: Path) -> None:
    doctor = made("doctor", "--json")
    assert doctor.code == 0, doctor.out
    names = {row["check"] for row in doctor.json["checks"]}
    assert {"store", "trust root", "policy production", "key owner", "key verifier"} <= names
    for role in ("root", "pipeline", "validation", "owner", "verifier"):
        assert (project / "keys" / f"{role}.key").stat().st_mode & 0o777 == 0o600


def test_init_says_what_to_keep_where(run: Run) -> None:
    out = run("init").out
    assert "Keep apart" in out
    assert "owner.key is not encrypted" in out


def test_init_never_overwrites(made: Run, project: Path) -> None:
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    again = made("init")
    assert again.code == 1
    assert "exists" in again.err
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before


def test_init_does_not_overwrite_a_key_that_stands_alone(run: Run, project: Path) -> None:
    (project / "keys").mkdir()
    (project / "keys" / "owner.key").write_text("precious")
    assert run("init").code == 1
    assert (project / "keys" / "owner.key").read_text() == "precious"
    assert not (project / "attestflow.toml").exists()


def test_an_encrypted_owner_key_needs_its_passphrase(run: Run, project: Path) -> None:
    assert run("init", "--passphrase-fd", f"owner={_pipe(b'secret')}").code == 0
    assert b"ENCRYPTED" in (project / "keys" / "owner.key").read_bytes()
    (project / "m.bin").write_bytes(b"model")
    approve = ("approve", "m.bin", "--for", "models:/m", "--to", "production", "--yes")
    without = run(*approve)
    assert without.code == 1
    assert "passphrase" in without.err
    wrong = run(*approve, "--passphrase-fd", str(_pipe(b"wrong")))
    assert wrong.code == 1
    right = run(*approve, "--passphrase-fd", str(_pipe(b"secret\n")))
    assert right.code == 0, right.err


@pytest.mark.parametrize("value", ["owner", "owner=x", "nobody=3", "=3"])
def test_wrong_descriptors_are_usage_errors(run: Run, value: str) -> None:
    assert run("init", "--passphrase-fd", value).code == 2


def test_an_empty_passphrase_is_refused(run: Run) -> None:
    assert run("init", "--passphrase-fd", f"owner={_pipe(b'')}").code == 1


def _pipe(data: bytes) -> int:
    reader, writer = os.pipe()
    os.write(writer, data)
    os.close(writer)
    return reader
