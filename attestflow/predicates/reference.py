"""Content attestations: in-toto reference v0.1, which refers to the listings of a tree, or to both digests of a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from attestflow.digest import BLAKE3_LISTING_MEDIA_TYPE, LISTING_MEDIA_TYPE, is_hex_digest
from attestflow.errors import MalformedStatement
from attestflow.predicates import fields
from attestflow.statement import check_type_uri
from attestflow.subject import Measurement, ResourceDescriptor

PREDICATE_TYPE = "https://in-toto.io/attestation/reference/v0.1"
ATTESTER_ID = "https://attestflow.dev/attester"
FILE_MEDIA_TYPE = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Reference:
    """What a content attestation refers to (in-toto predicates/reference.md, v0.1).

    A tree refers to its SHA-256 listing and its BLAKE3 listing, where they lie in the store; a file to itself, by both
    digests. BLAKE3 stands here alone, never in a subject.
    """

    references: tuple[ResourceDescriptor, ...]
    attester_id: str = ATTESTER_ID

    @classmethod
    def of(cls, measured: Measurement) -> Reference:
        """The predicate of a content attestation of what was measured."""
        if measured.listing is None:
            digests = {"sha256": measured.content.sha256}
            if measured.blake3 is not None:
                digests["blake3"] = measured.blake3
            location = quote(measured.name)
            return cls((ResourceDescriptor(measured.name, None, digests, FILE_MEDIA_TYPE, location),))
        listings = [(measured.listing, LISTING_MEDIA_TYPE), (measured.blake3_listing, BLAKE3_LISTING_MEDIA_TYPE)]
        return cls(tuple(_listing(found.sha256, media) for found, media in listings if found is not None))

    @classmethod
    def parse(cls, predicate: Mapping[str, Any], where: str = "predicate") -> Reference:
        """Read the predicate; raises MalformedStatement with the place."""
        attester = fields.mapping(predicate, "attester", where)
        attester_id = check_type_uri(attester.get("id"), f"{where}.attester.id")
        references = fields.descriptors(predicate, "references", where)
        if not references:
            raise MalformedStatement(f"{where}.references: refers to nothing")
        return cls(references, attester_id)

    def to_json(self) -> dict[str, Any]:
        """The predicate as JSON values."""
        references = [reference.to_json() for reference in self.references]
        return {"attester": {"id": self.attester_id}, "references": references}

    def listing_digest(self) -> str | None:
        """SHA-256 (hex) of the tree's SHA-256 listing; None for a file."""
        return self._listing_sha256(LISTING_MEDIA_TYPE)

    def blake3_key(self) -> str | None:
        """What finds the bytes by BLAKE3: a file's BLAKE3, or the SHA-256 of a tree's BLAKE3 listing; None without."""
        listing = self._listing_sha256(BLAKE3_LISTING_MEDIA_TYPE)
        if listing is not None or self.listing_digest() is not None:
            return listing
        found = {reference.digest["blake3"] for reference in self.references if "blake3" in reference.digest}
        key = found.pop() if len(found) == 1 else None
        return key if is_hex_digest(key) else None

    def _listing_sha256(self, media_type: str) -> str | None:
        found = {entry.digest.get("sha256") for entry in self.references if entry.media_type == media_type}
        digest = found.pop() if len(found) == 1 else None
        return digest if is_hex_digest(digest) else None


def _listing(sha256: str, media_type: str) -> ResourceDescriptor:
    location = f"listings/{sha256[:2]}/{sha256}"
    return ResourceDescriptor(None, None, {"sha256": sha256}, media_type, location)
