"""Every backend passes the contract; each has its own ways to fail."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from attestflow.digest import ContentDigest, Listing
from attestflow.errors import ConfigurationError, StoreError
from attestflow.store import open_store
from attestflow.store.folder import FolderStore
from attestflow.store.interface import Store
from attestflow.store.remote import without_secrets
from attestflow.testing.store_contract import A, StoreContract, content_bundle


class TestFolder(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return open_store(str(tmp_path / "store"), create=True)


class TestMemory(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return open_store(f"memory://{uuid.uuid4().hex}", create=True)


class TestFileUrl(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return open_store(f"file://{tmp_path / 'store'}", create=True)


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_store_that_is_gone_is_no_empty_store(tmp_path: Path, scheme: str) -> None:
    with pytest.raises(StoreError, match="is not there"):
        open_store(f"{scheme}{tmp_path / 'nowhere'}")


def test_a_store_that_goes_while_it_is_used(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"), create=True)
    store.put(content_bundle(A))
    (tmp_path / "store").rename(tmp_path / "away")
    with pytest.raises(StoreError, match="is gone"):
        list(store.attestations(ContentDigest("file", A)))


def test_a_symlink_in_the_store_is_not_followed(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"), create=True)
    bundle = content_bundle(A)
    store.put(bundle)
    (file,) = (tmp_path / "store").rglob("*.sigstore.json")
    elsewhere = tmp_path / "elsewhere"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)
    assert list(store.attestations(ContentDigest("file", A))) == []
    store.put(bundle)
    assert not file.is_symlink()
    assert len(list(store.attestations(ContentDigest("file", A)))) == 1


def test_a_disk_that_is_full_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(str(tmp_path / "store"), create=True)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        store.put(content_bundle(A))
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("url", ["nosuchscheme://bucket/x", "://"])
def test_a_scheme_that_nothing_opens(url: str) -> None:
    with pytest.raises((ConfigurationError, StoreError)):
        open_store(url)


def test_secrets_in_a_url_are_not_shown() -> None:
    assert without_secrets("s3://key:secret@host/path?token=1#x") == "s3://host/path"
    with pytest.raises(ConfigurationError) as caught:
        open_store("nosuchscheme://key:hunter2@host/path?token=hunter2")
    assert "hunter2" not in str(caught.value)


WRITER = """
import sys
from attestflow.store import open_store
from attestflow.testing.store_contract import content_bundle
store = open_store(sys.argv[1])
for number in range(int(sys.argv[3])):
    store.put(content_bundle("a" * 64, name=f"{sys.argv[2]}-{number}"))
    print(number, flush=True)
"""


def writer(root: Path, name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(root), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_many_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"), create=True)
    writers = [writer(tmp_path / "store", str(name), 50) for name in range(8)]
    assert [each.wait() for each in writers] == [0] * 8
    found = {item.raw for item in store.attestations(ContentDigest("file", A))}
    assert len(found) == 400


def test_a_writer_that_is_killed_leaves_nothing_that_is_read(tmp_path: Path) -> None:
    from attestflow.bundle import Bundle

    store = open_store(str(tmp_path / "store"), create=True)
    for attempt in range(5):
        each = writer(tmp_path / "store", str(attempt), 10_000)
        assert each.stdout is not None
        for _ in range(3 + attempt):
            each.stdout.readline()
        each.kill()
        each.wait()
    found = list(store.attestations(ContentDigest("file", A)))
    assert len(found) >= 15
    for item in found:
        Bundle.parse(item.raw)


def test_a_look_up_is_a_few_listings_whatever_the_store_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FolderStore(tmp_path / "store", create=True)
    store.put(content_bundle(A))

    def opened() -> int:
        count = 0
        real = os.scandir

        def counting(path: object) -> object:
            nonlocal count
            count += 1
            return real(path)  # type: ignore[call-overload]

        with monkeypatch.context() as patch:
            patch.setattr(os, "scandir", counting)
            assert len(list(store.attestations(ContentDigest("file", A)))) == 1
        return count

    alone = opened()
    for number in range(300):
        store.put(content_bundle(f"{number:064x}"))
    assert opened() == alone <= 2


def test_listings_can_be_checked_with_coreutils(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store", create=True)
    (tmp_path / "x").write_text("hello")
    done = subprocess.run(["sha256sum", "x"], cwd=tmp_path, capture_output=True, check=True)
    sha256 = store.put_listing(Listing.parse(done.stdout))
    path = tmp_path / "store" / "listings" / sha256[:2] / sha256
    subprocess.run(["sha256sum", "-c", str(path)], cwd=tmp_path, capture_output=True, check=True)
