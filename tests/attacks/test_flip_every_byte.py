"""Flip any one byte of what an answer rests on, and `verify` or `check` says no, with a reason.

The tree is small, and every byte of every attested file, bundle, needed listing, and of the trust root with its signature is
flipped, one at a time, through the command line's own functions.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from attestflow.cli import main


class Project:
    """`attestflow init`, a data set with two files, a model, and the command line in this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run("init", code=0)
        (folder / "data").mkdir()
        (folder / "data" / "a").write_bytes(b"1,0")
        (folder / "data" / ".b").write_bytes(b"2,1")
        self.run("attest", "dataset", "data", code=0)

    def run(self, *arguments: str, code: int | None = None) -> tuple[int, str]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.chdir(self.folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main(list(arguments))
            except SystemExit as ended:
                found = int(ended.code or 0)
        said = out.getvalue() + err.getvalue()
        assert "Traceback" not in said
        assert code is None or found == code, said
        return found, said


@pytest.fixture
def made(tmp_path: Path) -> Project:
    folder = tmp_path / "project"
    folder.mkdir()
    return Project(folder)


def flips(path: Path, bit: int = 1, step: int = 1) -> Iterator[int]:
    """Flip each byte of a file in turn, and put it back."""
    good = path.read_bytes()
    mode = path.stat().st_mode & 0o777
    for index in range(0, len(good), step):
        bad = bytearray(good)
        bad[index] ^= bit
        path.write_bytes(bad)
        os.chmod(path, mode)
        yield index
    path.write_bytes(good)


@pytest.mark.parametrize("flags", [(), ("--sha256",)])
def test_any_byte_of_the_data(made: Project, flags: tuple[str, ...]) -> None:
    for name in ("a", ".b"):
        for index in flips(made.folder / "data" / name):
            code, said = made.run("verify", "data", *flags)
            assert code == 3, (name, index)
            assert "changed" in said
            assert name in said
    made.run("verify", "data", *flags, code=0)


@pytest.mark.parametrize("bit", [1, 0x20])
def test_any_byte_of_a_bundle(made: Project, bit: int) -> None:
    (bundle,) = (made.folder / "attestations").rglob("*.sigstore.json")
    for index in flips(bundle, bit):
        code, said = made.run("verify", "data")
        assert code == 4, index
        assert "rejected" in said
    made.run("verify", "data", code=0)


def test_any_byte_of_a_listing_that_the_answer_needs(made: Project) -> None:
    """The listing says which file changed: flipped, it names none, and the answer stays no."""
    listings = sorted((made.folder / "attestations" / "listings").rglob("*/*"))
    assert len(listings) == 2
    (made.folder / "data" / "a").write_bytes(b"9,9")
    for listing in listings:
        for index in flips(listing):
            code, said = made.run("verify", "data")
            assert code == 3, index
            assert "changed  a" in said or "is not the one of that digest" in said
    (made.folder / "data" / "a").write_bytes(b"1,0")


def test_any_byte_of_the_trust_root(made: Project) -> None:
    for name in ("trust-root.yaml", "trust-root.yaml.sigstore.json"):
        for index in flips(made.folder / name, step=7 if name.endswith(".yaml") else 3):
            code, said = made.run("verify", "data")
            assert code != 0, (name, index)
            assert "trust root" in said
    made.run("verify", "data", code=0)


def test_every_byte_of_keys_and_dates_in_the_trust_root(made: Project) -> None:
    text = (made.folder / "trust-root.yaml").read_bytes()
    places = [
        text.index(word) + offset for word in (b"validFrom", b"validUntil", b"expires") for offset in range(12, 32)
    ]
    places += list(range(text.index(b"BEGIN PUBLIC KEY") + 17, text.index(b"-----END")))
    for index in places:
        bad = bytearray(text)
        bad[index] ^= 1
        (made.folder / "trust-root.yaml").write_bytes(bad)
        assert made.run("verify", "data")[0] != 0, index
    (made.folder / "trust-root.yaml").write_bytes(text)


def test_any_byte_of_the_policy(made: Project) -> None:
    made.run("attest", "model", "data", code=0)
    for index in flips(made.folder / "policies" / "production.yaml", step=11):
        code, _ = made.run("check", "data")
        assert code in {1, 4}, index
