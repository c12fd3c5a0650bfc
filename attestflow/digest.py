"""Content digests and listings: which bytes a file or tree is, by SHA-256, and by BLAKE3 where only speed matters.

A file's digest is the SHA-256 of its bytes. A tree's is the SHA-256 of its listing: one line `<hex sha256>  <name>\\n` a file,
sorted by the bytes of the name (in-toto `dirHash1`, Go's `h1:`). Empty folders are not part of a tree; the empty tree
is the SHA-256 of no bytes.
"""

from __future__ import annotations

import hashlib
import re
from binascii import hexlify
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Literal

from attestflow.documents import shown
from attestflow.errors import ConfigurationError, MalformedStatement, SubjectError
from attestflow.names import check_collisions, check_name

Kind = Literal["file", "tree"]
Algorithm = Literal["sha256", "blake3"]
LISTING_MEDIA_TYPE = "text/vnd.attestflow.dirhash1"
BLAKE3_LISTING_MEDIA_TYPE = "text/vnd.attestflow.dirhash1+blake3"

_HEX = re.compile(r"[0-9a-f]{64}")
_DIGEST = re.compile(r"(file|tree):sha256:([0-9a-f]{64})")
_LINE = re.compile(rb"([0-9a-f]{64})  ([^\n]+)\n")


def is_hex_digest(text: object) -> bool:
    """Whether `text` is 64 lower-case hex digits."""
    return isinstance(text, str) and _HEX.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, order=True)
class ContentDigest:
    """Which bytes: `kind` keeps a file apart from a tree, `sha256` is 64 lower-case hex digits."""

    kind: Kind
    sha256: str

    def __post_init__(self) -> None:
        if self.kind not in ("file", "tree") or not is_hex_digest(self.sha256):
            raise ConfigurationError(f"{shown(f'{self.kind}:sha256:{self.sha256}')} is no content digest")

    @classmethod
    def parse(cls, text: str) -> ContentDigest:
        """Read `file:sha256:<hex>` or `tree:sha256:<hex>`; ConfigurationError otherwise."""
        match = _DIGEST.fullmatch(text)
        if match is None:
            raise ConfigurationError(
                f"{shown(text)} is no content digest",
                hint="write file:sha256:<64 hex digits> or tree:sha256:<64 hex digits>",
            )
        return cls("file" if match[1] == "file" else "tree", match[2])

    def __str__(self) -> str:
        return f"{self.kind}:sha256:{self.sha256}"


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a tree with their digests, as the sorted bytes that the tree's digest is made of."""

    data: bytes
    algorithm: Algorithm = "sha256"

    @classmethod
    def parse(cls, data: bytes, algorithm: Algorithm = "sha256") -> Listing:
        """Check untrusted bytes: form of each line, order, no name twice, no name that is refused. MalformedStatement."""
        position, previous = 0, b""
        names: list[str] = []
        while position < len(data):
            match = _LINE.match(data, position)
            if match is None:
                raise MalformedStatement(f"listing: line {len(names) + 1} is not '<hex digest>  <name>'")
            if names and match[2] <= previous:
                raise MalformedStatement(f"listing: line {len(names) + 1} is out of order or stands twice")
            previous = match[2]
            names.append(previous.decode("utf-8", "surrogateescape"))
            position = match.end()
        try:
            for name in names:
                check_name(name)
            check_collisions(names)
        except SubjectError as exc:
            raise MalformedStatement(f"listing: {exc.message}") from None
        return cls(data, algorithm)

    @classmethod
    def of(cls, entries: Iterable[tuple[str, str]], algorithm: Algorithm = "sha256") -> Listing:
        """Make one from (hex digest, name) pairs in any order. Raises SubjectError for names that are refused."""
        rows = sorted((name.encode("utf-8", "surrogateescape"), digest) for digest, name in entries)
        names = [name.decode("utf-8", "surrogateescape") for name, _ in rows]
        for name in names:
            check_name(name)
        if len(set(names)) != len(names):
            raise SubjectError("a listing names one file twice")
        check_collisions(names)
        return cls(b"".join(b"%s  %s\n" % (digest.encode("ascii"), name) for name, digest in rows), algorithm)

    @classmethod
    def of_checked(cls, names: Sequence[bytes], digests: bytes | bytearray, algorithm: Algorithm) -> Listing:
        """Make one of distinct names that are checked already, in any order, and of 32 bytes a name in the same order."""
        digits, data = hexlify(digests), BytesIO()
        for index in sorted(range(len(names)), key=names.__getitem__):
            data.write(b"%s  %s\n" % (digits[64 * index : 64 * index + 64], names[index]))
        return cls(data.getvalue(), algorithm)

    @property
    def sha256(self) -> str:
        """SHA-256 (hex) of the listing's bytes, whatever algorithm its lines are of."""
        return hashlib.sha256(self.data).hexdigest()

    def digest(self) -> ContentDigest:
        """The tree's digest; only a SHA-256 listing has one."""
        if self.algorithm != "sha256":
            raise SubjectError("a tree is named by its SHA-256 listing, not by its BLAKE3 listing")
        return ContentDigest("tree", self.sha256)

    def __len__(self) -> int:
        return self.data.count(b"\n")

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """(name, hex digest) in order."""
        for match in _LINE.finditer(self.data):
            yield match[2].decode(), match[1].decode()

    def get(self, name: str) -> str | None:
        """The hex digest of one file, or None."""
        if "\n" in name:  # it would match the end of one line and the start of the next
            return None
        wanted = name.encode("utf-8", "surrogateescape")
        match = re.search(rb"^([0-9a-f]{64})  %s$" % re.escape(wanted), self.data, re.M)
        return match[1].decode() if match else None


@dataclass(frozen=True, slots=True)
class ListingDiff:
    """What differs between two listings: names added and removed, and (name, old hex, new hex) of the changed."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[tuple[str, str, str], ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def compare(old: Listing, new: Listing) -> ListingDiff:
    """What must happen to `old` for it to be `new`. ValueError for listings of two algorithms."""
    if old.algorithm != new.algorithm:
        raise ValueError("listings of two algorithms cannot be compared")
    before, after = dict(old), dict(new)
    return ListingDiff(
        added=tuple(name for name in after if name not in before),
        removed=tuple(name for name in before if name not in after),
        changed=tuple(
            (name, old_hex, after[name]) for name, old_hex in before.items() if after.get(name, old_hex) != old_hex
        ),
    )
