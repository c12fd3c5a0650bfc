"""What tasks hand each other: a small JSON object that names a subject by its digest, where it lies and who attested it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from attestflow.digest import ContentDigest
from attestflow.documents import shown
from attestflow.errors import ConfigurationError

_KEYS = frozenset({"name", "uri", "digest", "attestation"})


@dataclass(frozen=True, slots=True)
class Attested:
    """A file, a tree or a logged model, as an attestation names it; it travels between tasks as an XCom.

    `uri` is `file:///…` or `models:/…`; `attestation` is the identity of its content attestation; `include` is the
    selection of an attestation that covers a part of a tree. An XCom is a pointer that anybody with the metadata
    database can change: whoever receives one measures the bytes and looks the digest up again.
    """

    name: str
    uri: str
    digest: ContentDigest
    attestation: str
    include: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """Where the bytes lie. Raises ConfigurationError when `uri` names no file of this machine."""
        return local_path(self.uri)

    def to_xcom(self) -> dict[str, Any]:
        """The JSON object {name, uri, digest, attestation}, and `include` where a part was attested."""
        value: dict[str, Any] = {
            "name": self.name,
            "uri": self.uri,
            "digest": str(self.digest),
            "attestation": self.attestation,
        }
        if self.include:
            value["include"] = list(self.include)
        return value

    @classmethod
    def from_xcom(cls, value: object, where: str) -> Attested:
        """Read the object again. Raises ConfigurationError naming `where` for anything else."""
        if isinstance(value, cls):
            return value
        if not looks_attested(value):
            raise ConfigurationError(
                f"{where}: expected what an attestflow task returned (name, uri, digest, attestation), found {shown(value)}",
                hint="hand it the task's .output, for example AttestDatasetOperator(...).output",
            )
        assert isinstance(value, Mapping)
        name, uri, digest, identity = (value[key] for key in ("name", "uri", "digest", "attestation"))
        include = value.get("include", ())
        texts = [name, uri, digest, identity, *(include if isinstance(include, (list, tuple)) else [None])]
        if not all(isinstance(text, str) and text for text in texts):
            raise ConfigurationError(f"{where}: the reference {shown(value)} holds something that is not text")
        return cls(name, uri, ContentDigest.parse(digest), identity, tuple(include))


def looks_attested(value: object) -> bool:
    """Whether a value has the shape of `Attested.to_xcom()`; says nothing about its content."""
    if isinstance(value, Attested):
        return True
    return isinstance(value, Mapping) and _KEYS <= set(value) <= _KEYS | {"include"}


def replace_references(value: Any, change: Any) -> Any:
    """`value` with each reference in it, at any depth of lists, tuples and maps, replaced by `change(reference)`."""
    if looks_attested(value):
        return change(Attested.from_xcom(value, "argument"))
    if isinstance(value, Mapping):
        return {key: replace_references(child, change) for key, child in value.items()}
    if isinstance(value, tuple):
        return tuple(replace_references(child, change) for child in value)
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):  # a mapped task's results come lazily
        return [replace_references(child, change) for child in value]
    return value


def local_path(uri: str) -> Path:
    """The path behind a plain path or a `file://` URI of this machine; ConfigurationError for any other."""
    if "://" not in uri and not uri.startswith(("models:/", "runs:/")):
        return Path(uri)
    parts = urlsplit(uri)
    if parts.scheme != "file" or parts.netloc not in {"", "localhost"} or parts.query or parts.fragment:
        raise ConfigurationError(
            f"{shown(uri)} names no file of this machine",
            hint="this release attests local and mounted paths; copy the data next to the task first",
        )
    return Path(unquote(parts.path))
