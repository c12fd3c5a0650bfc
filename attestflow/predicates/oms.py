"""OMS v1 model signatures (sigstore/model-transparency): written from a listing, read back into one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from attestflow.digest import ContentDigest, Listing, is_hex_digest
from attestflow.documents import shown
from attestflow.errors import MalformedStatement, SubjectError
from attestflow.predicates import fields
from attestflow.statement import OMS_TYPE, Statement
from attestflow.subject import ResourceDescriptor

PREDICATE_TYPE = OMS_TYPE
# OMS calls a model that is one file by this name.
_ITSELF = "."


@dataclass(frozen=True, slots=True)
class Oms:
    """The files that an OMS signature lists. `listing` is None when the model is one file.

    `root` is SHA-256 (hex) over the files' digests in the signature's order; it binds no names, so it names no content.
    The signature's `ignore_paths` are not kept: what it does not list was not signed, whatever they say.
    """

    content: ContentDigest
    listing: Listing | None
    root: str

    @classmethod
    def parse(cls, predicate: Mapping[str, Any], where: str = "predicate") -> Oms:
        """Read the predicate; raises MalformedStatement with the place.

        Read are file-by-file SHA-256 signatures; sharded ones and other hashes are refused, they name no content.
        """
        rows = _rows(predicate, where)
        root = _root(digest for digest, _ in rows)
        if len(rows) == 1 and rows[0][1] == _ITSELF:
            return cls(ContentDigest("file", rows[0][0]), None, root)
        try:
            listing = Listing.of(rows)
        except SubjectError as exc:
            raise MalformedStatement(f"{where}.resources: {exc.message}") from None
        return cls(listing.digest(), listing, root)


def read(statement: Statement) -> Oms:
    """The files that an OMS statement signs.

    Raises MalformedStatement when it is none, or when its subject's digest is not the one of its resources (SHA-256 over
    the digests in their order).
    """
    if statement.predicate_type != PREDICATE_TYPE:
        raise MalformedStatement(f"statement: a {statement.predicate_type}, not an OMS signature")
    found = Oms.parse(statement.predicate)
    if statement.subjects[0].digest["sha256"] != found.root:
        raise MalformedStatement("statement: the subject's digest is not the one of the resources")
    return found


def build(content: Listing | ContentDigest, name: str) -> Statement:
    """An OMS v1 statement about a tree (its SHA-256 listing) or one file (its digest), for a model called `name`.

    Every file is listed, those of git too, so a tree with `.gitattributes` needs `--no-ignore-git-paths` of
    `model_signing verify`. Raises ValueError for a BLAKE3 listing or a tree without its listing.
    """
    if isinstance(content, ContentDigest):
        if content.kind != "file":
            raise ValueError("an OMS signature of a tree needs its listing")
        rows = [(content.sha256, _ITSELF)]
    else:
        if content.algorithm != "sha256":
            raise ValueError("an OMS signature lists SHA-256 digests")
        # OMS orders by path components, a listing by bytes: "a.b" comes before "a/b" in one and after it in the other.
        rows = [(digest, path) for path, digest in sorted(content, key=lambda row: row[0].split("/"))]
    subject = ResourceDescriptor(name=name, digest={"sha256": _root(digest for digest, _ in rows)})
    predicate = {
        "serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": False},
        "resources": [{"name": path, "algorithm": "sha256", "digest": digest} for digest, path in rows],
    }
    return Statement.build([subject], PREDICATE_TYPE, predicate)


def _rows(predicate: Mapping[str, Any], where: str) -> list[tuple[str, str]]:
    serialization = fields.mapping(predicate, "serialization", where)
    for name, expected in (("method", "files"), ("hash_type", "sha256")):
        found = fields.text(serialization, name, f"{where}.serialization")
        if found != expected:
            raise MalformedStatement(f"{where}.serialization.{name}: {shown(found, 40)}; only {expected} is read")
    rows = []
    for index, entry in enumerate(fields.items(predicate, "resources", where)):
        resource = entry if isinstance(entry, dict) else {}
        path, digest = resource.get("name"), resource.get("digest")
        if not isinstance(path, str) or not isinstance(digest, str) or not is_hex_digest(digest):
            raise MalformedStatement(f"{where}.resources[{index}]: no name with a lower-case hex SHA-256")
        if resource.get("algorithm") != "sha256":
            raise MalformedStatement(f"{where}.resources[{index}].algorithm: only sha256 is read")
        rows.append((digest, path))
    return rows


def _root(digests: Iterable[str]) -> str:
    root = hashlib.sha256()
    for digest in digests:
        root.update(bytes.fromhex(digest))
    return root.hexdigest()
