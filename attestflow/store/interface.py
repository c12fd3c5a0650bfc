"""What a store of evidence does. Whatever it returns is untrusted until a verifier has read it."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from attestflow.bundle import Bundle
from attestflow.clock import utc_now
from attestflow.digest import Algorithm, ContentDigest, Kind, Listing
from attestflow.errors import DigestMismatch, MalformedStatement, StoreError
from attestflow.predicates import path_part
from attestflow.store import layout


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is read for one question; reaching a bound raises StoreError, it never shortens an answer."""

    bundles_per_subject: int = 1000
    bytes_per_bundle: int = 32 * 1024 * 1024
    bytes_per_subject: int = 256 * 1024 * 1024
    listing_bytes: int = 256 * 1024 * 1024
    pointers: int = 10_000
    decisions: int = 100_000  # one for each time that anybody asked; only their names are read
    put_on_a_day: int = 1_000_000  # only their names are read, and only for the index of `impact`


@dataclass(frozen=True, slots=True)
class StoredBundle:
    """A bundle's bytes as they lie in the store, not verified, and where."""

    raw: bytes
    location: str


@dataclass(frozen=True, slots=True)
class NamedPointer:
    """Somebody says that this content once had the name asked for; `created_on` sorts, and proves nothing."""

    content: ContentDigest
    created_on: str


@dataclass(frozen=True, slots=True)
class DecisionPointer:
    """Somebody says that the bundle `identity` decides whether this content gets the alias or stage asked for.

    `time` (`20260131T120000Z`) sorts; only the verified statement says what was decided, and when.
    """

    content: ContentDigest
    identity: str
    time: str


class Store(ABC):
    """Attestations by subject, and listings by their digest: content-addressed, append-only.

    A backend gives six small operations on slash-separated keys; the layout and all checks are here, once.
    """

    def __init__(self, url: str, limits: Limits) -> None:
        self.url = url
        self.limits = limits

    def put(self, bundle: Bundle) -> str:
        """Keep a bundle under each of its subjects; returns its identity (SHA-256 of the PAE, hex).

        A content attestation is found by its BLAKE3 and its name as well, a gate's verdict by its transition, all of them by
        the day on which they were put. The same bundle twice is one file; a file that was damaged is mended. Raises
        StoreError, and MalformedStatement for a bundle that is about no content.
        """
        keys = layout.bundle_keys(bundle)
        if not keys:
            raise MalformedStatement("the bundle is about no content, so it cannot be filed")
        new = not self._holds(keys[0], bundle.raw)
        for key in keys:
            self._write(key, bundle.raw)
        for key in layout.pointer_keys(bundle):
            self._write(key, b"")
        if new:
            self._write(layout.day_key(keys[0], utc_now()), b"")
        return bundle.identity

    def attestations(
        self, content: ContentDigest, predicate_type: str | None = None, *, skip: Collection[str] = ()
    ) -> Iterator[StoredBundle]:
        """Every bundle filed under `content`, in the order of their keys; of one predicate type where that is given.

        `skip` names predicate types that are not even counted: verdicts, of which there is one for each question ever
        asked. Raises StoreError when the store cannot be read, and when a bound of `limits` is reached.
        """
        prefix = layout.subject_prefix(content, predicate_type)
        left_out = frozenset(path_part(each) for each in skip)
        found = self._list(prefix, self.limits.bundles_per_subject, left_out)
        keys = sorted(key for key in found if layout.is_bundle_key(key))
        total = 0
        for key in keys:
            raw = self._read(key, self.limits.bytes_per_bundle)
            if raw is None:
                raise StoreError(f"{self.url}: {key} vanished while it was read", retryable=True)
            total += len(raw)
            if total > self.limits.bytes_per_subject:
                raise StoreError(
                    f"{self.url}: more than {self.limits.bytes_per_subject} bytes of attestations about {content}",
                    hint="somebody may have flooded the store: remove what does not verify (`attestflow show`)",
                )
            yield StoredBundle(raw, key)

    def bundle(self, content: ContentDigest, predicate_type: str, identity: str) -> StoredBundle | None:
        """The bundle filed under `content` as this type and identity, None where nothing is; as untrusted as any."""
        key = layout.bundle_key(content, predicate_type, identity)
        raw = self._read(key, self.limits.bytes_per_bundle)
        return None if raw is None else StoredBundle(raw, key)

    def put_listing(self, listing: Listing) -> str:
        """Keep a listing under the SHA-256 (hex) of its bytes, which is returned."""
        sha256 = listing.sha256
        self._write(layout.listing_key(sha256), listing.data)
        return sha256

    def listing(self, sha256: str, algorithm: Algorithm = "sha256") -> Listing | None:
        """The listing with this digest, or None. DigestMismatch where other bytes lie there."""
        data = self._read(layout.listing_key(sha256), self.limits.listing_bytes)
        if data is None:
            return None
        if hashlib.sha256(data).hexdigest() != sha256:
            raise DigestMismatch(
                f"{self.url}: the listing {sha256[:12]}… is not the one of that digest: the store was changed",
                hint="attest the tree again to put the true listing back",
            )
        return Listing.parse(data, algorithm)

    def put_document(self, data: bytes) -> str:
        """Keep a document that verdicts name by digest (policy, file of a policy, trust root); its SHA-256 (hex)."""
        sha256 = hashlib.sha256(data).hexdigest()
        self._write(layout.document_key(sha256), data)
        return sha256

    def document(self, sha256: str) -> bytes | None:
        """The document with this digest, or None. DigestMismatch where other bytes lie there."""
        data = self._read(layout.document_key(sha256), self.limits.bytes_per_bundle)
        if data is not None and hashlib.sha256(data).hexdigest() != sha256:
            raise DigestMismatch(f"{self.url}: the document {sha256[:12]}… is not the one of that digest")
        return data

    def find_by_blake3(self, kind: Kind, digest: str) -> tuple[ContentDigest, ...]:
        """Contents that somebody filed under this BLAKE3 digest: pointers to look at, not evidence."""
        keys = self._list(layout.blake3_prefix(kind, digest), self.limits.pointers)
        found = {layout.pointed(key) for key in keys}
        return tuple(sorted(content for content in found if content is not None and content.kind == kind))

    def find_by_name(self, name: str) -> tuple[NamedPointer, ...]:
        """Contents that somebody filed under this name, the newest first: they explain, they prove nothing."""
        found = []
        for key in self._list(layout.name_prefix(name), self.limits.pointers):
            content = layout.pointed(key)
            if content is not None:
                found.append(NamedPointer(content, layout.pointed_time(key)))
        return tuple(sorted(found, key=lambda pointer: (pointer.created_on, pointer.content), reverse=True))

    def find_by_transition(self, registry: str, model: str, to: str) -> tuple[DecisionPointer, ...]:
        """What somebody filed as decisions about this alias or stage (`alias:NAME`, `stage:NAME`), the newest first.

        All spellings that are the same folded are one. Pointers to look at, not evidence.
        """
        found = []
        for key in self._list(layout.transition_prefix(registry, model, to), self.limits.decisions):
            named = layout.pointed_decision(key)
            if named is not None:
                time, content, identity = named
                found.append(DecisionPointer(content, identity, time))
        return tuple(sorted(found, key=lambda each: (each.time, each.identity), reverse=True))

    def put_on(self, day: str) -> list[str]:
        """Pointers to what somebody says was put on a day (`20260131`, UTC): `layout.put_key` reads them. No evidence."""
        return self._list(layout.day_prefix(day), self.limits.put_on_a_day)

    def every_key(self) -> Iterator[str]:
        """The key of every bundle that lies here; as slow as the store is large."""
        return (key for key in self._walk("by-subject") if layout.is_bundle_key(key))

    def at_key(self, key: str) -> StoredBundle | None:
        """The bundle at one of `every_key` or `put_on`, None where nothing is; as untrusted as any."""
        if not layout.is_bundle_key(key):
            return None
        raw = self._read(key, self.limits.bytes_per_bundle)
        return None if raw is None else StoredBundle(raw, key)

    def probe(self) -> None:
        """Write, read and remove something; StoreError says what does not work."""
        key = layout.probe_key()
        self._write(key, b"probe")
        try:
            if self._read(key, 100) != b"probe":
                raise StoreError(f"{self.url}: what was written did not come back")
        finally:
            self._remove(key)

    def _holds(self, key: str, data: bytes) -> bool:
        try:
            return self._read(key, len(data)) == data
        except StoreError:
            return False  # something else lies there, which the write will mend or say

    @abstractmethod
    def _write(self, key: str, data: bytes) -> None:
        """Put `data` at `key` in one step; where the same bytes lie there already, nothing need happen."""

    @abstractmethod
    def _read(self, key: str, limit: int) -> bytes | None:
        """The bytes at `key`, None where nothing is; StoreError beyond `limit` bytes."""

    @abstractmethod
    def _list(self, prefix: str, limit: int, left_out: frozenset[str] = frozenset()) -> list[str]:
        """The keys of all files in `prefix` and in the folders right below it, but for the folders named in `left_out`.

        StoreError beyond `limit` entries.
        """

    @abstractmethod
    def _walk(self, prefix: str) -> Iterator[str]:
        """The keys of all files below `prefix`, at any depth."""

    @abstractmethod
    def _remove(self, key: str) -> None:
        """Remove what `probe` wrote."""

    def _too_many(self, prefix: str, limit: int) -> StoreError:
        return StoreError(
            f"{self.url}: more than {limit} entries below {prefix}",
            hint="somebody may have flooded the store: remove what does not verify (`attestflow show`)",
        )

    def _too_large(self, key: str, limit: int) -> StoreError:
        return StoreError(f"{self.url}: {key} is larger than {limit} bytes")
