"""A look-up costs the same in a store of 100,000 attestations as in one of 1,000: it opens the same few folders."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from attestflow.digest import ContentDigest
from attestflow.store.folder import FolderStore
from attestflow.testing.store_contract import content_bundle

pytestmark = pytest.mark.slow


def fill(root: Path, count: int) -> None:
    """`count` subjects with one attestation each, hard links to a few real bundles, in the store's own layout."""
    root.mkdir()
    raw = content_bundle("a" * 64).raw
    for number in range(count):
        if number % 30_000 == 0:  # below what a file system lets one file have
            seed = root / f"seed-{number}"
            seed.write_bytes(raw)
        digest = hashlib.sha256(str(number).encode()).hexdigest()
        folder = root / "by-subject" / f"file-{digest[:2]}" / digest / "reference"
        folder.mkdir(parents=True)
        (folder / f"{digest}.sigstore.json").hardlink_to(seed)


class Counted:
    """An `os.scandir` that counts the folders opened and the entries read."""

    def __init__(self) -> None:
        self.folders = self.entries = 0
        self._real = os.scandir

    def opened(self, path: Any) -> Any:
        self.folders += 1
        with self._real(path) as entries:
            found = list(entries)
        self.entries += len(found)
        return _Entries(found)


class _Entries(list[Any]):
    def __enter__(self) -> Iterator[Any]:
        return iter(self)

    def __exit__(self, *_: object) -> None:
        return None


def cost(root: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    store = FolderStore(root)
    content = ContentDigest("file", hashlib.sha256(b"7").hexdigest())
    counted = Counted()
    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", counted.opened)
        assert len(list(store.attestations(content))) == 1
    return counted.folders, counted.entries


def test_a_look_up_does_not_grow_with_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "few", 1000)
    fill(tmp_path / "many", 100_000)
    assert cost(tmp_path / "many", monkeypatch) == cost(tmp_path / "few", monkeypatch) == (2, 2)
