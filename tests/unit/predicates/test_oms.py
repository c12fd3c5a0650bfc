"""predicates.oms: an OMS signature is its resources, never its root digest."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestflow.digest import ContentDigest, Listing
from attestflow.errors import MalformedStatement
from attestflow.predicates import contents, oms
from attestflow.statement import Statement
from attestflow.subject import ResourceDescriptor


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


LISTING = Listing.of([(sha("x"), "a.b"), (sha("y"), "a/b"), (sha("z"), "notes.txt")])


def statement(predicate: dict[str, Any], root: str) -> Statement:
    return Statement.build([ResourceDescriptor(name="m", digest={"sha256": root})], oms.PREDICATE_TYPE, predicate)


def test_a_listing_goes_in_and_comes_out() -> None:
    made = oms.build(LISTING, "model")
    found = oms.read(made)
    assert found.listing == LISTING
    assert contents(made) == (found.content,) == (LISTING.digest(),)


def test_resources_stand_in_the_order_of_path_components() -> None:
    names = [entry["name"] for entry in oms.build(LISTING, "model").predicate["resources"]]
    assert names == ["a/b", "a.b", "notes.txt"]


def test_one_file() -> None:
    digest = ContentDigest("file", sha("x"))
    found = oms.read(oms.build(digest, "model.pkl"))
    assert (found.content, found.listing) == (digest, None)


def test_the_empty_tree_is_a_tree() -> None:
    assert contents(oms.build(Listing.of([]), "m")) == (ContentDigest("tree", hashlib.sha256().hexdigest()),)


def test_what_cannot_be_signed_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="listing"):
        oms.build(LISTING.digest(), "m")
    with pytest.raises(ValueError, match="SHA-256"):
        oms.build(Listing.of([], "blake3"), "m")


def test_renaming_changes_the_content_though_not_the_root() -> None:
    """The attack on OMS: `notes.txt` becomes `model.pkl`, and the root digest stays the same."""
    before = oms.build(LISTING, "m")
    predicate = {**before.predicate, "resources": [dict(entry) for entry in before.predicate["resources"]]}
    predicate["resources"][2]["name"] = "model.pkl"
    after = statement(predicate, before.subjects[0].digest["sha256"])
    assert oms.read(after).root == oms.read(before).root
    assert contents(after) != contents(before)


def test_a_root_that_is_not_the_resources_is_refused() -> None:
    with pytest.raises(MalformedStatement, match="not the one of the resources"):
        oms.read(statement(dict(oms.build(LISTING, "m").predicate), sha("other")))


def test_ignored_paths_are_not_content() -> None:
    plain = oms.build(LISTING, "m")
    predicate = {
        **plain.predicate,
        "serialization": {**plain.predicate["serialization"], "ignore_paths": ["evil.pkl", "."]},
    }
    assert contents(statement(predicate, plain.subjects[0].digest["sha256"])) == contents(plain)


def test_another_type_is_not_read() -> None:
    other = Statement.build([ResourceDescriptor(name="m", digest={"sha256": sha("m")})], "https://example.org/x", {})
    with pytest.raises(MalformedStatement, match="not an OMS signature"):
        oms.read(other)


FILE = {"name": "a", "algorithm": "sha256", "digest": sha("a")}
SERIALIZATION = {"method": "files", "hash_type": "sha256", "allow_symlinks": False}


@pytest.mark.parametrize(
    "predicate",
    [
        {},
        {"serialization": SERIALIZATION},
        {"serialization": {**SERIALIZATION, "method": "shards", "shard_size": 1}, "resources": [FILE]},
        {"serialization": {**SERIALIZATION, "hash_type": "blake3"}, "resources": [FILE]},
        {"serialization": SERIALIZATION, "resources": [{**FILE, "algorithm": "blake2b"}]},
        {"serialization": SERIALIZATION, "resources": [{**FILE, "digest": "x"}]},
        {"serialization": SERIALIZATION, "resources": [{**FILE, "digest": sha("a").upper()}]},
        {"serialization": SERIALIZATION, "resources": [{**FILE, "name": "../a"}]},
        {"serialization": SERIALIZATION, "resources": [{**FILE, "name": "/a"}]},
        {"serialization": SERIALIZATION, "resources": [{**FILE, "name": ""}]},
        {"serialization": SERIALIZATION, "resources": [{**FILE, "name": "a\n" + sha("b") + "  b"}]},
        {"serialization": SERIALIZATION, "resources": [FILE, FILE]},
        {"serialization": SERIALIZATION, "resources": [FILE, {**FILE, "name": "A"}]},
        {"serialization": SERIALIZATION, "resources": [FILE, {**FILE, "name": "."}]},
        {"serialization": SERIALIZATION, "resources": ["a"]},
        {"serialization": SERIALIZATION, "resources": [None]},
        {"serialization": SERIALIZATION, "resources": {}},
    ],
)
def test_what_names_no_content_is_refused(predicate: dict[str, Any]) -> None:
    assert oms.Oms.parse({"serialization": SERIALIZATION, "resources": [FILE]})
    with pytest.raises(MalformedStatement, match=r"^predicate"):
        oms.Oms.parse(predicate)


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,3}(/[a-z.]{1,2}[a-z]){0,2}", fullmatch=True), st.binary(max_size=3), max_size=6
    )
)
def test_any_tree_survives(files: dict[str, bytes]) -> None:
    folders = {"/".join(name.split("/")[:depth]) for name in files for depth in range(1, name.count("/") + 1)}
    if folders & files.keys():
        return
    listing = Listing.of((hashlib.sha256(data).hexdigest(), name) for name, data in files.items())
    assert oms.read(oms.build(listing, "m")).listing == listing
