"""Where things lie in a store. Keys are made from checked hex digests and from a table, never from what a document says.

::

    by-subject/<kind>-<2 hex>/<hex>/<predicate>/<PAE digest>.sigstore.json
    listings/<2 hex>/<hex>
    by-blake3/<kind>-<2 hex>/<hex>/<kind>-<sha256>
    by-name/<sha256 of the name>/<time>-<kind>-<sha256>
"""

from __future__ import annotations

import hashlib
import os
import re

from attestflow.bundle import Bundle
from attestflow.digest import ContentDigest, Kind, is_hex_digest
from attestflow.errors import ConfigurationError
from attestflow.predicates import contents, path_part, reference
from attestflow.statement import Statement

SUFFIX = ".sigstore.json"
_BUNDLE = re.compile(
    r"by-subject/(?:file|tree)-[0-9a-f]{2}/[0-9a-f]{64}/[0-9a-z][0-9a-z.-]*/[0-9a-f]{64}\.sigstore\.json"
)
_POINTER = re.compile(r".*/(?:([0-9TZ]{16})-)?(file|tree)-([0-9a-f]{64})")
_TIME = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]+)?Z")


def bundle_keys(bundle: Bundle) -> list[str]:
    """One key for each content that the bundle's statement is about."""
    statement = Statement.parse(bundle.envelope.payload)
    file = f"{bundle.identity}{SUFFIX}"
    return [f"{subject_prefix(content, statement.predicate_type)}/{file}" for content in contents(statement)]


def subject_prefix(content: ContentDigest, predicate_type: str | None) -> str:
    """Below this lies all that is about `content`, or all of one predicate type."""
    prefix = f"by-subject/{content.kind}-{content.sha256[:2]}/{content.sha256}"
    return prefix if predicate_type is None else f"{prefix}/{path_part(predicate_type)}"


def is_bundle_key(key: str) -> bool:
    """Whether a key has the form of a bundle's; a temporary file, for one, has not."""
    return _BUNDLE.fullmatch(key) is not None


def listing_key(sha256: str) -> str:
    """Where the listing with this digest lies."""
    return f"listings/{_hex(sha256)[:2]}/{sha256}"


def blake3_prefix(kind: Kind, digest: str) -> str:
    """Below this lie the contents with that BLAKE3."""
    return f"by-blake3/{kind}-{_hex(digest)[:2]}/{digest}"


def name_prefix(name: str) -> str:
    """Below this lie the contents that had that name (without a trailing slash)."""
    return f"by-name/{hashlib.sha256(name.rstrip('/').encode()).hexdigest()}"


def pointer_keys(bundle: Bundle) -> list[str]:
    """The pointers that a content attestation brings along; none for any other bundle."""
    statement = Statement.parse(bundle.envelope.payload)
    if statement.predicate_type != reference.PREDICATE_TYPE:
        return []
    (content,) = contents(statement)
    subject = statement.subjects[0]
    end = f"{content.kind}-{content.sha256}"
    keys = []
    quick = reference.Reference.parse(statement.predicate, "predicate").blake3_key()
    if quick is not None:
        keys.append(f"{blake3_prefix(content.kind, quick)}/{end}")
    created = _TIME.fullmatch(str(subject.annotations.get("createdOn", "")))
    if subject.name and created:
        year, month, day, hour, minute, second = created.groups()
        keys.append(f"{name_prefix(subject.name)}/{year}{month}{day}T{hour}{minute}{second}Z-{end}")
    return keys


def pointed(key: str) -> ContentDigest | None:
    """The content that a pointer's key names, None for a key of another form."""
    match = _POINTER.fullmatch(key)
    return ContentDigest("tree" if match[2] == "tree" else "file", match[3]) if match else None


def pointed_time(key: str) -> str:
    """The time in a name pointer's key, empty where it has none."""
    match = _POINTER.fullmatch(key)
    return (match[1] or "") if match else ""


def probe_key() -> str:
    """A key that nothing else uses."""
    return f"probes/{os.getpid()}-{os.urandom(8).hex()}"


def _hex(digest: str) -> str:
    if not is_hex_digest(digest):
        raise ConfigurationError("a store key is made of 64 lower-case hex digits")
    return digest
