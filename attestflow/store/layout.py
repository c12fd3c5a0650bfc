"""Where things lie in a store. Keys are made from checked hex digests and from a table, never from what a document says.

::

    by-subject/<kind>-<2 hex>/<hex>/<predicate>/<PAE digest>.sigstore.json
    listings/<2 hex>/<hex>
    documents/<2 hex>/<hex>
    by-blake3/<kind>-<2 hex>/<hex>/<kind>-<sha256>
    by-name/<sha256 of the name>/<time>-<kind>-<sha256>
    by-transition/<sha256 of registry, model and alias or stage>/<time>-<kind>-<sha256>-<PAE digest>
    by-day/<day>/<time>-<kind>-<sha256>-<predicate>-<PAE digest>
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from datetime import datetime

from attestflow.bundle import Bundle
from attestflow.digest import ContentDigest, Kind, is_hex_digest
from attestflow.errors import ConfigurationError, MalformedStatement
from attestflow.names import fold
from attestflow.predicates import contents, path_part, reference, vsa
from attestflow.statement import Statement

SUFFIX = ".sigstore.json"
_BUNDLE = re.compile(
    r"by-subject/(?:file|tree)-[0-9a-f]{2}/[0-9a-f]{64}/[0-9a-z][0-9a-z.-]*/[0-9a-f]{64}\.sigstore\.json"
)
_POINTER = re.compile(r".*/(?:([0-9TZ]{16})-)?(file|tree)-([0-9a-f]{64})")
_DECISION = re.compile(r".*/([0-9]{8}T[0-9]{6}Z)-(file|tree)-([0-9a-f]{64})-([0-9a-f]{64})")
_PUT = re.compile(r"by-day/[0-9]{8}/[0-9]{6}-(file|tree)-([0-9a-f]{64})-([0-9a-z][0-9a-z.-]*)-([0-9a-f]{64})")
_TIME = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]+)?Z")


def bundle_keys(bundle: Bundle) -> list[str]:
    """One key for each content that the bundle's statement is about."""
    statement = Statement.parse(bundle.envelope.payload)
    return [bundle_key(content, statement.predicate_type, bundle.identity) for content in contents(statement)]


def bundle_key(content: ContentDigest, predicate_type: str, identity: str) -> str:
    """Where the bundle of this identity about `content` lies."""
    return f"{subject_prefix(content, predicate_type)}/{_hex(identity)}{SUFFIX}"


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


def document_key(sha256: str) -> str:
    """Where the document with this digest lies: a policy, one of its files, a trust root."""
    return f"documents/{_hex(sha256)[:2]}/{sha256}"


def blake3_prefix(kind: Kind, digest: str) -> str:
    """Below this lie the contents with that BLAKE3."""
    return f"by-blake3/{kind}-{_hex(digest)[:2]}/{digest}"


def name_prefix(name: str) -> str:
    """Below this lie the contents that had that name (without a trailing slash)."""
    return f"by-name/{hashlib.sha256(name.rstrip('/').encode()).hexdigest()}"


def transition_prefix(registry: str, model: str, to: str) -> str:
    """Below this lie the decisions about that alias or stage of a model; all its spellings are one."""
    name = "\0".join((registry, model, fold(to))).encode("utf-8", "surrogatepass")
    return f"by-transition/{hashlib.sha256(name).hexdigest()}"


def day_prefix(day: str) -> str:
    """Below this lie pointers to what was put on a day (`20260131`, UTC)."""
    return f"by-day/{day}"


def day_key(bundle_key: str, moment: datetime) -> str:
    """The pointer that says when a bundle was put; all its parts are those of the bundle's own key."""
    _, folder, digest, predicate, file = bundle_key.split("/")
    kind, identity = folder.partition("-")[0], file.removesuffix(SUFFIX)
    return f"{day_prefix(moment.strftime('%Y%m%d'))}/{moment.strftime('%H%M%S')}-{kind}-{digest}-{predicate}-{identity}"


def put_key(key: str) -> str | None:
    """The bundle's key that a pointer by day names, None for a key of another form."""
    match = _PUT.fullmatch(key)
    if match is None:
        return None
    kind, digest, predicate, identity = match.groups()
    return f"by-subject/{kind}-{digest[:2]}/{digest}/{predicate}/{identity}{SUFFIX}"


def content_of_key(key: str) -> ContentDigest | None:
    """The content that a bundle's key is filed under, None for a key of another form."""
    if not is_bundle_key(key):
        return None
    _, folder, digest, _, _ = key.split("/")
    return ContentDigest("tree" if folder.startswith("tree") else "file", digest)


def pointer_keys(bundle: Bundle) -> list[str]:
    """The pointers that a content attestation or a gate's verdict brings along; none for any other bundle."""
    statement = Statement.parse(bundle.envelope.payload)
    if statement.predicate_type == vsa.PREDICATE_TYPE:
        return _decision_keys(statement, bundle.identity)
    if statement.predicate_type != reference.PREDICATE_TYPE:
        return []
    (content,) = contents(statement)
    subject = statement.subjects[0]
    end = f"{content.kind}-{content.sha256}"
    keys = []
    quick = reference.Reference.parse(statement.predicate, "predicate").blake3_key()
    if quick is not None:
        keys.append(f"{blake3_prefix(content.kind, quick)}/{end}")
    created = compact_time(str(subject.annotations.get("createdOn", "")))
    if subject.name and created:
        keys.append(f"{name_prefix(subject.name)}/{created}-{end}")
    return keys


def _decision_keys(statement: Statement, identity: str) -> list[str]:
    """For a verdict of ours about a promotion; a verification summary of another tool has no such pointer."""
    try:
        said = vsa.Vsa.parse(statement.predicate)
    except MalformedStatement:
        return []
    asked, decided = said.extension.get("transition"), compact_time(said.time_verified)
    if not isinstance(asked, Mapping) or not decided:
        return []
    names = [asked.get(key) for key in ("registry", "model", "to")]
    if not all(isinstance(name, str) for name in names):
        return []
    (content,) = contents(statement)
    return [f"{transition_prefix(*map(str, names))}/{decided}-{content.kind}-{content.sha256}-{identity}"]


def compact_time(text: str) -> str:
    """A time of a statement as it stands in a pointer's key, to the second: `20260131T120000Z`; empty for any other text."""
    match = _TIME.fullmatch(text)
    return "{}{}{}T{}{}{}Z".format(*match.groups()) if match else ""


def pointed(key: str) -> ContentDigest | None:
    """The content that a pointer's key names, None for a key of another form."""
    match = _POINTER.fullmatch(key)
    return ContentDigest("tree" if match[2] == "tree" else "file", match[3]) if match else None


def pointed_time(key: str) -> str:
    """The time in a name pointer's key, empty where it has none."""
    match = _POINTER.fullmatch(key)
    return (match[1] or "") if match else ""


def pointed_decision(key: str) -> tuple[str, ContentDigest, str] | None:
    """Time, content and identity that a decision pointer's key names, None for a key of another form."""
    match = _DECISION.fullmatch(key)
    if match is None:
        return None
    return match[1], ContentDigest("tree" if match[2] == "tree" else "file", match[3]), match[4]


def probe_key() -> str:
    """A key that nothing else uses."""
    return f"probes/{os.getpid()}-{os.urandom(8).hex()}"


def _hex(digest: str) -> str:
    if not is_hex_digest(digest):
        raise ConfigurationError("a store key is made of 64 lower-case hex digits")
    return digest
