"""What every store must do, as tests: subclass `StoreContract`, give it a `store` fixture, and run it with pytest.

::

    class TestMyStore(StoreContract):
        @pytest.fixture
        def store(self, tmp_path):
            return MyStore(...)
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from attestflow.bundle import Bundle
from attestflow.clock import utc_now
from attestflow.digest import ContentDigest, Listing
from attestflow.errors import DigestMismatch, MalformedStatement, StoreError
from attestflow.predicates import provenance, reference, vsa
from attestflow.signing.key import KeySigner
from attestflow.statement import Statement
from attestflow.store.interface import Limits, Store
from attestflow.store.layout import (
    blake3_prefix,
    bundle_keys,
    document_key,
    listing_key,
    name_prefix,
    put_key,
    subject_prefix,
    transition_prefix,
)
from attestflow.subject import Measurement, ResourceDescriptor
from attestflow.testing.trust import new_signer

SIGNER: KeySigner = new_signer()
A, B, C = (f"{letter * 64}" for letter in "abc")


def content_bundle(
    sha256: str, *, name: str = "data", created: str = "2026-01-01T00:00:00Z", blake3: str | None = None
) -> Bundle:
    """A signed content attestation about a file with that digest."""
    measured = Measurement(name, ContentDigest("file", sha256), 3, 1, blake3, None, None)
    subject = measured.descriptor(kind="dataset", createdOn=created)
    return SIGNER.sign(Statement.build([subject], reference.PREDICATE_TYPE, reference.Reference.of(measured).to_json()))


def bundle_of_type(predicate_type: str, sha256: str, note: str = "") -> Bundle:
    """A signed statement of any type about a file."""
    subject = ResourceDescriptor(name="data", digest={"sha256": sha256})
    return SIGNER.sign(Statement.build([subject], predicate_type, {"note": note}))


def decision_bundle(sha256: str, *, model: str = "churn", time: str = "2026-01-01T00:00:00Z", **changes: Any) -> Bundle:
    """A signed verdict of a gate about a file with that digest getting the alias `production` of a model."""
    about = {"registry": "reg", "model": model, "to": "alias:production"}
    extension = {"transition": about, **changes}
    said = vsa.Vsa(
        "https://example.com/gate", time, f"file:sha256:{sha256}", "policy", B, (), "PASSED", ("LEVEL",), extension
    )
    subject = ResourceDescriptor(name="data", digest={"sha256": sha256})
    return SIGNER.sign(Statement.build([subject], vsa.PREDICATE_TYPE, said.to_json()))


class StoreContract:
    """The contract suite; `store` must be empty and of its own for each test."""

    @pytest.fixture
    def store(self) -> Store:
        """The store under test."""
        raise NotImplementedError("give a fixture `store`")

    def test_what_is_put_comes_back_to_the_byte(self, store: Store) -> None:
        bundle = content_bundle(A)
        assert store.put(bundle) == bundle.identity
        (found,) = store.attestations(ContentDigest("file", A))
        assert found.raw == bundle.raw

    def test_what_was_put_today_is_found_by_its_day(self, store: Store) -> None:
        one, two = content_bundle(A), content_bundle(B)
        assert list(store.every_key()) == []
        before = utc_now()
        for bundle in (one, two, one):
            store.put(bundle)
        days = {moment.strftime("%Y%m%d") for moment in (before, utc_now())}
        found = [str(put_key(pointer)) for day in days for pointer in store.put_on(day)]
        assert sorted(found) == sorted(store.every_key()) == sorted([*bundle_keys(one), *bundle_keys(two)])
        stored = store.at_key(found[0])
        assert stored is not None
        assert stored.raw in (one.raw, two.raw)
        assert store.put_on("20200101") == []
        assert store.at_key("listings/aa/x") is None

    def test_a_document_comes_back_by_its_digest(self, store: Store) -> None:
        sha256 = store.put_document(b"policy")
        assert store.document(sha256) == b"policy"
        assert store.document(A) is None
        store._write(document_key(sha256), b"another")
        with pytest.raises(DigestMismatch):
            store.document(sha256)

    def test_an_unknown_subject_has_nothing(self, store: Store) -> None:
        store.put(content_bundle(A))
        assert list(store.attestations(ContentDigest("file", B))) == []
        assert list(store.attestations(ContentDigest("tree", A))) == []

    def test_the_same_bundle_twice_is_one(self, store: Store) -> None:
        bundle = content_bundle(A)
        store.put(bundle)
        store.put(bundle)
        assert len(list(store.attestations(ContentDigest("file", A)))) == 1

    def test_several_attestations_of_several_types(self, store: Store) -> None:
        bundles = [content_bundle(A), content_bundle(A, name="other"), bundle_of_type("https://example.com/x", A)]
        for bundle in bundles:
            store.put(bundle)
        content = ContentDigest("file", A)
        assert {found.raw for found in store.attestations(content)} == {bundle.raw for bundle in bundles}
        assert len(list(store.attestations(content, reference.PREDICATE_TYPE))) == 2
        assert [found.raw for found in store.attestations(content, "https://example.com/x")] == [bundles[2].raw]
        assert list(store.attestations(content, "https://example.com/y")) == []

    def test_every_subject_of_a_provenance_finds_it(self, store: Store) -> None:
        subjects = [ResourceDescriptor(name=name, digest={"sha256": digest}) for name, digest in (("m", A), ("n", B))]
        made = provenance.Provenance("https://example.com/b", {}, "https://example.com/b")
        store.put(SIGNER.sign(Statement.build(subjects, provenance.PREDICATE_TYPE, made.to_json())))
        for digest in (A, B):
            assert len(list(store.attestations(ContentDigest("file", digest)))) == 1

    def test_what_is_skipped_is_not_counted(self, store: Store) -> None:
        store.limits = replace(store.limits, bundles_per_subject=4)
        store.put(content_bundle(A))
        for number in range(6):
            store.put(bundle_of_type(vsa.PREDICATE_TYPE, A, str(number)))
        content = ContentDigest("file", A)
        assert len(list(store.attestations(content, skip=(vsa.PREDICATE_TYPE,)))) == 1
        with pytest.raises(StoreError):
            list(store.attestations(content))

    def test_reaching_a_bound_raises_and_shortens_nothing(self, store: Store) -> None:
        for number in range(5):
            store.put(bundle_of_type("https://example.com/x", A, str(number)))
        content = ContentDigest("file", A)
        for limits in (Limits(bundles_per_subject=4), Limits(bytes_per_bundle=50), Limits(bytes_per_subject=1500)):
            store.limits = limits
            with pytest.raises(StoreError):
                list(store.attestations(content))

    def test_a_damaged_bundle_is_mended_by_putting_it_again(self, store: Store) -> None:
        bundle = content_bundle(A)
        store.put(bundle)
        store._write(bundle_keys(bundle)[0], b"damaged")
        assert [found.raw for found in store.attestations(ContentDigest("file", A))] == [b"damaged"]
        store.put(bundle)
        assert [found.raw for found in store.attestations(ContentDigest("file", A))] == [bundle.raw]

    def test_what_is_no_bundle_by_its_name_is_left_out(self, store: Store) -> None:
        store.put(content_bundle(A))
        prefix = subject_prefix(ContentDigest("file", A), reference.PREDICATE_TYPE)
        for name in ("README", ".half.tmp", f"{B}.json", "x.sigstore.json"):
            store._write(f"{prefix}/{name}", b"{}")
        assert len(list(store.attestations(ContentDigest("file", A)))) == 1

    def test_listings_come_back_and_are_checked(self, store: Store) -> None:
        listing = Listing.of([(A, "x"), (B, "deep/y")])
        assert store.listing(listing.sha256) is None
        assert store.put_listing(listing) == listing.sha256
        assert store.listing(listing.sha256) == listing
        store._write(listing_key(listing.sha256), listing.data.replace(b"x\n", b"z\n"))
        with pytest.raises(DigestMismatch):
            store.listing(listing.sha256)
        store.put_listing(listing)
        assert store.listing(listing.sha256) == listing

    def test_a_file_with_the_digest_of_a_listing_is_checked_for_its_form(self, store: Store) -> None:
        import hashlib

        data = f"{A}  ../../etc/passwd\n".encode()
        digest = hashlib.sha256(data).hexdigest()
        store._write(listing_key(digest), data)
        with pytest.raises(MalformedStatement):
            store.listing(digest)

    def test_blake3_points_to_contents(self, store: Store) -> None:
        store.put(content_bundle(A, blake3=C))
        store.put(content_bundle(B, blake3=C))
        assert store.find_by_blake3("file", C) == (ContentDigest("file", A), ContentDigest("file", B))
        assert store.find_by_blake3("tree", C) == ()
        assert store.find_by_blake3("file", A) == ()

    def test_names_point_to_contents_the_newest_first(self, store: Store) -> None:
        store.put(content_bundle(A, created="2026-01-01T00:00:00Z"))
        store.put(content_bundle(B, created="2026-02-01T00:00:00Z"))
        store.put(content_bundle(C, name="other"))
        assert [pointer.content.sha256 for pointer in store.find_by_name("data")] == [B, A]
        assert store.find_by_name("data/") == store.find_by_name("data")
        assert store.find_by_name("nothing") == ()

    def test_junk_among_pointers_is_left_out(self, store: Store) -> None:
        store.put(content_bundle(A, blake3=C))
        for key in (
            f"{blake3_prefix('file', C)}/junk",
            f"{name_prefix('data')}/junk",
            f"{name_prefix('data')}/file-{B[:9]}",
        ):
            store._write(key, b"")
        assert store.find_by_blake3("file", C) == (ContentDigest("file", A),)
        assert len(store.find_by_name("data")) == 1

    def test_a_flood_of_pointers_raises(self, store: Store) -> None:
        store.limits = replace(store.limits, pointers=3)
        for number in range(5):
            store._write(f"{name_prefix('data')}/file-{number:064x}", b"")
        with pytest.raises(StoreError):
            store.find_by_name("data")

    def test_decisions_are_found_by_their_transition_the_newest_first(self, store: Store) -> None:
        old, new = (decision_bundle(A, time=f"2026-01-0{day}T00:00:00Z") for day in (1, 2))
        for bundle in (old, new, decision_bundle(B, model="other")):
            store.put(bundle)
        found = store.find_by_transition("reg", "churn", "alias:PRODUCTION")
        assert [(each.identity, each.time) for each in found] == [
            (new.identity, "20260102T000000Z"),
            (old.identity, "20260101T000000Z"),
        ]
        assert {each.content.sha256 for each in found} == {A}
        assert store.find_by_transition("reg", "churn", "stage:production") == ()
        assert store.find_by_transition("other", "churn", "alias:production") == ()
        stored = store.bundle(found[0].content, vsa.PREDICATE_TYPE, found[0].identity)
        assert stored is not None
        assert stored.raw == new.raw
        assert store.bundle(ContentDigest("file", B), vsa.PREDICATE_TYPE, new.identity) is None

    def test_junk_and_a_flood_among_decisions(self, store: Store) -> None:
        store.put(decision_bundle(A))
        prefix = transition_prefix("reg", "churn", "alias:production")
        for end in ("junk", f"20260101T000000Z-file-{B}", f"now-file-{A}-{B}"):
            store._write(f"{prefix}/{end}", b"")
        assert len(store.find_by_transition("reg", "churn", "alias:production")) == 1
        store.limits = replace(store.limits, decisions=3)
        with pytest.raises(StoreError):
            store.find_by_transition("reg", "churn", "alias:production")

    def test_a_summary_that_names_no_transition_has_no_pointer(self, store: Store) -> None:
        store.put(bundle_of_type(vsa.PREDICATE_TYPE, A, "of another tool"))
        store.put(decision_bundle(A, transition=None))
        assert len(list(store.attestations(ContentDigest("file", A)))) == 2

    def test_the_probe_leaves_nothing(self, store: Store) -> None:
        store.probe()
        assert store._list("probes", 100) == []
