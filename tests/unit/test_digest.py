"""Content digests and listings."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestflow.digest import ContentDigest, Listing, compare
from attestflow.errors import ConfigurationError, MalformedStatement, SubjectError

A, B, C = "a" * 64, "b" * 64, "c" * 64
names = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x24F, exclude_characters="\\/\x7f"), min_size=1, max_size=8
)
paths = st.lists(names.filter(lambda name: name not in {".", ".."}), min_size=1, max_size=3).map("/".join)
hexes = st.binary(min_size=32, max_size=32).map(bytes.hex)


def test_a_digest_is_its_text() -> None:
    for text in (f"file:sha256:{A}", f"tree:sha256:{B}"):
        assert str(ContentDigest.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        A,
        f"sha256:{A}",
        f"file:sha256:{A[1:]}",
        f"file:sha256:{A.upper()}",
        f"dir:sha256:{A}",
        f"file:blake3:{A}",
        f"file:sha256:{A}\n",
    ],
)
def test_what_is_no_digest(text: str) -> None:
    with pytest.raises(ConfigurationError, match="no content digest"):
        ContentDigest.parse(text)


def test_the_empty_tree_is_sha256_of_no_bytes() -> None:
    assert Listing.of([]).sha256 == hashlib.sha256(b"").hexdigest()


def test_it_is_gos_dirhash1() -> None:
    """`h1:` is base64 of the same digest: the example in the documentation of golang.org/x/mod/sumdb/dirhash, Hash1."""
    contents = {"abc": b"data for abc", "xyz": b"data for xyz"}
    listing = Listing.of([(hashlib.sha256(data).hexdigest(), name) for name, data in contents.items()])
    rows = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(contents.items()))
    h1 = "h1:" + base64.b64encode(hashlib.sha256(rows.encode()).digest()).decode()
    assert "h1:" + base64.b64encode(bytes.fromhex(listing.sha256)).decode() == h1


@given(st.dictionaries(paths, hexes, max_size=8))
def test_listings_come_back(entries: dict[str, str]) -> None:
    try:
        listing = Listing.of([(digest, name) for name, digest in entries.items()])
    except SubjectError:
        return  # two names that are one when folded
    assert Listing.parse(listing.data) == listing
    assert dict(listing) == entries
    assert len(listing) == len(entries)
    assert all(listing.get(name) == digest for name, digest in entries.items())
    assert [name.encode() for name, _ in listing] == sorted(name.encode() for name in entries)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_listing_or_refused(data: bytes) -> None:
    try:
        assert Listing.parse(data).data == data
    except MalformedStatement:
        pass


@pytest.mark.parametrize(
    "data",
    [
        f"{A}  b\n{A}  a\n",
        f"{A}  a\n{A}  a\n",
        f"{A}  a",
        f"{A} a\n",
        f"{A.upper()}  a\n",
        f"{A}  \n",
        f"{A}  ../a\n",
        f"{A}  /a\n",
        f"{A}  a//b\n",
        f"{A}  a\\b\n",
        f"{A}  a\tb\n",
        f"{A}  A\n{A}  a\n",
        f"{A}  a\r\n",
        "\n",
    ],
)
def test_malformed_listings(data: str) -> None:
    with pytest.raises(MalformedStatement, match="listing"):
        Listing.parse(data.encode())


@pytest.mark.parametrize("pair", [("a", "A"), ("é", "e\u0301"), ("D/x", "d/y"), ("ß", "ss")])
def test_names_that_collide_where_names_are_folded(pair: tuple[str, str]) -> None:
    with pytest.raises(SubjectError, match="are the same"):
        Listing.of([(A, pair[0]), (B, pair[1])])


def test_a_file_is_found_by_its_whole_name() -> None:
    listing = Listing.of([(A, "a"), (B, "b/a"), (C, "a.b")])
    assert listing.get("a") == A
    assert listing.get("aXb") is None
    assert listing.get("b") is None


def test_compare_names_what_changed() -> None:
    old, new = Listing.of([(A, "x"), (B, "y"), (C, "z")]), Listing.of([(B, "x"), (B, "y"), (A, "n")])
    diff = compare(old, new)
    assert (diff.added, diff.removed, diff.changed) == (("n",), ("z",), (("x", A, B),))
    assert not compare(old, old)
    with pytest.raises(ValueError, match="two algorithms"):
        compare(old, Listing.of([], "blake3"))


def test_a_blake3_listing_names_no_tree() -> None:
    with pytest.raises(SubjectError):
        Listing.of([(A, "x")], "blake3").digest()
