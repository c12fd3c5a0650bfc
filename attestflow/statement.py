"""in-toto statements: bytes in, the same bytes kept."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from attestflow.digest import ContentDigest, is_hex_digest
from attestflow.documents import canonical_json, parse_json, shown
from attestflow.errors import MalformedStatement
from attestflow.subject import ResourceDescriptor

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PROVENANCE_TYPE = "https://slsa.dev/provenance/v1"
OMS_TYPE = "https://model_signing/signature/v1.0"

MAX_STATEMENT_BYTES = 24 * 1024 * 1024
MAX_SUBJECTS = 1000

_FIELDS = frozenset({"_type", "subject", "predicateType", "predicate"})
_TYPE_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")


@dataclass(frozen=True, slots=True)
class Statement:
    """An in-toto Statement v1 and the bytes that say it; made by `parse` and `build` alone."""

    payload: bytes
    subjects: tuple[ResourceDescriptor, ...]
    predicate_type: str
    predicate: Mapping[str, Any]

    @classmethod
    def parse(cls, payload: bytes) -> Statement:
        """The statement in `payload` (in-toto attestation v1, "Statement"), which is kept as it is.

        Raises MalformedStatement unless it has the four fields of v1 and no other, a predicate that is an object, and
        one subject (SLSA provenance: 1 to 1000, its outputs), each with a lower-case hex sha256.
        """
        document = parse_json(payload, "statement", max_bytes=MAX_STATEMENT_BYTES)
        if not isinstance(document, dict):
            raise MalformedStatement("statement: not a JSON object")
        if document.keys() != _FIELDS:
            odd = ", ".join(shown(name, 40) for name in sorted(document.keys() ^ _FIELDS)[:5])
            raise MalformedStatement(f"statement: fields missing or unknown: {odd}")
        if document["_type"] != STATEMENT_TYPE:
            raise MalformedStatement(f"statement: _type is {shown(document['_type'], 80)}, not {STATEMENT_TYPE}")
        predicate_type = check_type_uri(document["predicateType"], "statement: predicateType")
        if not isinstance(document["predicate"], dict):
            raise MalformedStatement("statement: predicate is not an object")
        subjects = _subjects(document["subject"], predicate_type)
        return cls(payload, subjects, predicate_type, document["predicate"])

    @classmethod
    def build(
        cls, subjects: Sequence[ResourceDescriptor], predicate_type: str, predicate: Mapping[str, Any]
    ) -> Statement:
        """A new statement; it is serialised here, once, and never again. Raises MalformedStatement as `parse` does."""
        document = {
            "_type": STATEMENT_TYPE,
            "subject": [subject.to_json() for subject in subjects],
            "predicateType": predicate_type,
            "predicate": predicate,
        }
        try:
            payload = canonical_json(document)
        except (TypeError, ValueError, RecursionError) as exc:
            raise MalformedStatement(f"statement: holds what JSON cannot: {exc}") from None
        return cls.parse(payload)

    def contents(self) -> tuple[ContentDigest, ...]:
        """The content digests of the subjects, in their order.

        Empty for an OMS signature: its subject's digest binds no names and names no content; `predicates.contents`
        reads the content from its resources.
        """
        if self.predicate_type == OMS_TYPE:
            return ()
        found = tuple(subject.content() for subject in self.subjects)
        return tuple(content for content in found if content is not None)


def check_type_uri(value: object, where: str) -> str:
    """`value` if it is an absolute URI of printable ASCII, at most 500 characters; MalformedStatement otherwise."""
    if not isinstance(value, str) or len(value) > 500 or not _TYPE_URI.fullmatch(value):
        raise MalformedStatement(f"{where}: {shown(value, 80)} is no absolute URI")
    return value


def _subjects(value: object, predicate_type: str) -> tuple[ResourceDescriptor, ...]:
    if not isinstance(value, list) or not value:
        raise MalformedStatement("statement: subject is no list of at least one")
    most = MAX_SUBJECTS if predicate_type == PROVENANCE_TYPE else 1
    if len(value) > most:
        raise MalformedStatement(f"statement: {len(value)} subjects, at most {most} in a {predicate_type}")
    subjects = []
    for index, entry in enumerate(value):
        where = f"statement: subject[{index}]"
        subject = ResourceDescriptor.from_json(entry, where)
        if not is_hex_digest(subject.digest.get("sha256")):
            raise MalformedStatement(f"{where}: no sha256 of 64 lower-case hex characters")
        if predicate_type != OMS_TYPE:
            _check_content(subject, where)
        subjects.append(subject)
    return tuple(subjects)


def _check_content(subject: ResourceDescriptor, where: str) -> None:
    """Refuse a subject that is neither clearly a file nor a tree here, not where somebody asks for its content later."""
    try:
        subject.content()
    except MalformedStatement as exc:
        raise MalformedStatement(f"{where}: {exc.message}") from None
