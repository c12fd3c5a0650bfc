"""predicates.reference: a content attestation refers to listings, or to both digests of a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from attestflow.digest import BLAKE3_LISTING_MEDIA_TYPE, LISTING_MEDIA_TYPE
from attestflow.errors import MalformedStatement
from attestflow.predicates.reference import Reference
from attestflow.subject import ResourceDescriptor, measure

HEX = "0a" * 32


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "data set"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.csv").write_text("1,2")
    (folder / "sub" / "b.csv").write_text("3")
    return folder


def test_a_tree_refers_to_both_listings_where_they_lie(tree: Path) -> None:
    measured = measure(tree)
    reference = Reference.of(measured)
    assert measured.listing is not None
    assert reference.listing_digest() == measured.content.sha256 == measured.listing.sha256
    assert reference.blake3_key() == measured.blake3
    first, second = reference.references
    assert first.download_location == f"listings/{measured.content.sha256[:2]}/{measured.content.sha256}"
    assert (first.media_type, second.media_type) == (LISTING_MEDIA_TYPE, BLAKE3_LISTING_MEDIA_TYPE)
    assert Reference.parse(reference.to_json()) == reference


def test_a_file_refers_to_itself_by_both_digests(tree: Path) -> None:
    measured = measure(tree / "a.csv")
    reference = Reference.of(measured)
    assert reference.listing_digest() is None
    assert reference.blake3_key() == measured.blake3
    assert reference.references[0].digest == {"sha256": measured.content.sha256, "blake3": measured.blake3}
    assert Reference.parse(reference.to_json()) == reference


def test_without_blake3_there_is_no_quick_key(tree: Path) -> None:
    for path in (tree, tree / "a.csv"):
        assert Reference.of(measure(path, algorithms=("sha256",))).blake3_key() is None


def test_blake3_never_stands_in_a_subject(tree: Path) -> None:
    for path in (tree, tree / "a.csv"):
        assert set(measure(path).descriptor().digest) == {"sha256"}


def test_two_listings_of_one_kind_are_no_key() -> None:
    def listing(digest: str, media: str) -> ResourceDescriptor:
        return ResourceDescriptor(digest={"sha256": digest}, media_type=media)

    two = Reference((listing(HEX, LISTING_MEDIA_TYPE), listing("0b" * 32, LISTING_MEDIA_TYPE)))
    assert two.listing_digest() is None
    two = Reference((listing(HEX, BLAKE3_LISTING_MEDIA_TYPE), listing("0b" * 32, BLAKE3_LISTING_MEDIA_TYPE)))
    assert two.blake3_key() is None


def test_a_tree_does_not_take_a_key_from_a_file_reference() -> None:
    mixed = Reference(
        (
            ResourceDescriptor(digest={"sha256": HEX}, media_type=LISTING_MEDIA_TYPE),
            ResourceDescriptor(name="x", digest={"sha256": HEX, "blake3": HEX}),
        )
    )
    assert mixed.blake3_key() is None


def test_a_blake3_that_is_no_hex_is_no_key() -> None:
    assert Reference((ResourceDescriptor(name="x", digest={"sha256": HEX, "blake3": "../../x"}),)).blake3_key() is None


@pytest.mark.parametrize(
    "predicate",
    [
        {},
        {"attester": {"id": "https://a"}},
        {"attester": {"id": "https://a"}, "references": []},
        {"attester": {"id": "a"}, "references": [{"name": "x"}]},
        {"attester": "https://a", "references": [{"name": "x"}]},
        {"attester": {"id": "https://a"}, "references": ["x"]},
    ],
)
def test_what_is_no_reference_is_refused(predicate: dict[str, object]) -> None:
    with pytest.raises(MalformedStatement):
        Reference.parse(predicate)
