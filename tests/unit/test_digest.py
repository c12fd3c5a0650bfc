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
    """`h1:` is base64 of the same digest (in-toto dirHash1): what dirhash.HashDir of golang.org/x/mod v0.29.0 printed."""
    contents = {"abc": "data for abc", "xyz": "data for xyz", ".hidden": "x", "sub.txt": "", "sub/café au lait": "é"}
    listing = Listing.of([(hashlib.sha256(data.encode()).hexdigest(), name) for name, data in contents.items()])
    h1 = "h1:" + base64.b64encode(bytes.fromhex(listing.sha256)).decode()
    assert h1 == "h1:Le/Rbq92l+iVFbn/Ipd8ASNMMzirHkJFfQZL6wVJPjk="


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


def test_a_name_that_spells_two_lines_is_no_name() -> None:
    listing = Listing.of([(A, "a"), (B, "b")])
    assert listing.get(f"a\n{B}  b") is None
    assert listing.get("") is None


@given(st.dictionaries(paths, st.binary(min_size=32, max_size=32), max_size=8))
def test_both_ways_to_make_a_listing_agree(entries: dict[str, bytes]) -> None:
    """The one for very large trees takes names that are checked, as bytes, and digests side by side."""
    try:
        expected = Listing.of([(digest.hex(), name) for name, digest in entries.items()])
    except SubjectError:
        return  # two names that are one when folded
    found = Listing.of_checked([name.encode() for name in entries], b"".join(entries.values()), "sha256")
    assert found == expected


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
