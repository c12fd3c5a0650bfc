"""References between tasks: what goes out comes back, and what is none is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestflow.digest import ContentDigest
from attestflow.errors import AttestflowError, ConfigurationError
from attestflow.operators.reference import Attested, local_path, looks_attested, replace_references

DIGEST = ContentDigest("tree", "0" * 64)
TEXT = st.text(min_size=1, max_size=20)


@given(TEXT, TEXT, TEXT, st.lists(TEXT, max_size=3))
def test_what_goes_out_comes_back(name: str, uri: str, identity: str, include: list[str]) -> None:
    reference = Attested(name, uri, DIGEST, identity, tuple(include))
    assert Attested.from_xcom(json.loads(json.dumps(reference.to_xcom())), "x") == reference


GOOD: dict[str, Any] = {"name": "d", "uri": "file:///d", "digest": str(DIGEST), "attestation": "a"}


@pytest.mark.parametrize(
    "broken",
    [
        None,
        "file:///d",
        {},
        {**GOOD, "digest": "tree:sha256:0"},
        {**GOOD, "digest": "md5:0"},
        {**GOOD, "digest": None},
        {**GOOD, "name": ""},
        {**GOOD, "include": "*.csv"},
        {**GOOD, "include": [1]},
        {**GOOD, "extra": 1},
        {key: GOOD[key] for key in ("name", "uri", "digest")},
    ],
)
def test_what_is_none_is_refused(broken: Any) -> None:
    with pytest.raises(AttestflowError):
        Attested.from_xcom(broken, "dataset")


def test_references_are_found_at_any_depth() -> None:
    found: list[Attested] = []

    def take(reference: Attested) -> str:
        found.append(reference)
        return "taken"

    value = {"a": [GOOD, {"b": (GOOD,)}], "c": 1, "d": "text"}
    assert replace_references(value, take) == {"a": ["taken", {"b": ("taken",)}], "c": 1, "d": "text"}
    assert found == [Attested.from_xcom(GOOD, "x")] * 2


def test_only_its_own_shape_looks_attested() -> None:
    assert looks_attested(GOOD)
    assert not looks_attested({**GOOD, "more": 1})
    assert not looks_attested(list(GOOD))


@pytest.mark.parametrize(("uri", "path"), [("/a/b", "/a/b"), ("a", "a"), ("file:///a%20b", "/a b")])
def test_local_paths(uri: str, path: str) -> None:
    assert local_path(uri) == Path(path)


@pytest.mark.parametrize("uri", ["s3://bucket/key", "file://elsewhere/a", "models:/m-1", "file:///a?x=1", "http://h/a"])
def test_what_is_no_local_file_is_refused(uri: str) -> None:
    with pytest.raises(ConfigurationError, match="no file of this machine"):
        local_path(uri)
