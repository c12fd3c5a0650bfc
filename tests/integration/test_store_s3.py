"""The store on a real S3 API."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from attestflow.digest import ContentDigest
from attestflow.errors import StoreError
from attestflow.store import open_store
from attestflow.store.interface import Store
from attestflow.testing.s3 import s3_server
from attestflow.testing.store_contract import A, StoreContract, content_bundle

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[str]:
    with s3_server() as url:
        yield url


class TestS3(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return open_store(f"s3://evidence/{uuid.uuid4().hex}", create=True)


def test_a_bucket_that_is_not_there_is_no_empty_store() -> None:
    with pytest.raises(StoreError):
        open_store("s3://nowhere/prefix")


def test_a_server_that_is_down_is_no_empty_store(monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(f"s3://evidence/{uuid.uuid4().hex}", create=True)
    store.put(content_bundle(A))
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(StoreError):
        open_store(store.url)
    s3fs.S3FileSystem.clear_instance_cache()


def test_many_writers_at_once_lose_nothing() -> None:
    url = f"s3://evidence/{uuid.uuid4().hex}"
    store = open_store(url, create=True)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: store.put(content_bundle(A, name=str(number))), range(40)))
    assert len(list(open_store(url).attestations(ContentDigest("file", A)))) == 40
