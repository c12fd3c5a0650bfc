"""Subjects: in-toto resource descriptors, and measuring files and trees into them."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from attestflow.digest import LISTING_MEDIA_TYPE, Algorithm, ContentDigest, Kind, Listing, is_hex_digest
from attestflow.documents import shown
from attestflow.errors import MalformedStatement, SubjectError
from attestflow.files import Files, cannot_be_read, identity, kind_of, open_folder
from attestflow.hashing import Progress, hash_files
from attestflow.names import check_name
from attestflow.scanning import check_unchanged, scan
from attestflow.selection import Selection

_FIELDS = {"name", "uri", "digest", "content", "downloadLocation", "mediaType", "annotations"}


@dataclass(frozen=True, slots=True)
class ResourceDescriptor:
    """An in-toto v1 ResourceDescriptor: a name or URI, a digest set (algorithm to hex), and notes."""

    name: str | None = None
    uri: str | None = None
    digest: Mapping[str, str] = field(default_factory=dict)
    media_type: str | None = None
    download_location: str | None = None
    annotations: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As it stands in a statement; what is empty is left out."""
        pairs = {
            "name": self.name,
            "uri": self.uri,
            "digest": dict(self.digest),
            "mediaType": self.media_type,
            "downloadLocation": self.download_location,
            "annotations": dict(self.annotations),
        }
        return {key: value for key, value in pairs.items() if value}

    @classmethod
    def from_json(cls, obj: object, where: str) -> ResourceDescriptor:
        """Read one strictly; MalformedStatement names `where`."""
        if not isinstance(obj, dict):
            raise MalformedStatement(f"{where} is no object")
        for key in obj:
            if key not in _FIELDS:
                raise MalformedStatement(f"{where} has the unknown field {shown(key)}")
        texts: dict[str, str | None] = {}
        for key in ("name", "uri", "mediaType", "downloadLocation"):
            value = obj.get(key)
            if value is not None and (not isinstance(value, str) or not value):
                raise MalformedStatement(f"{where}.{key} must be text that is not empty")
            texts[key] = value
        digest, annotations = obj.get("digest", {}), obj.get("annotations", {})
        if not isinstance(digest, dict) or not all(isinstance(value, str) and value for value in digest.values()):
            raise MalformedStatement(f"{where}.digest must map algorithms to hex digests")
        if "sha256" in digest and not is_hex_digest(digest["sha256"]):
            raise MalformedStatement(f"{where}.digest.sha256 is not 64 lower-case hex digits")
        if not isinstance(annotations, dict):
            raise MalformedStatement(f"{where}.annotations must be an object")
        return cls(texts["name"], texts["uri"], digest, texts["mediaType"], texts["downloadLocation"], annotations)

    def content(self) -> ContentDigest | None:
        """The content digest that this names; None without a sha256.

        A tree's name ends in `/` and its media type is the listing's; where only one of the two holds the descriptor
        contradicts itself: MalformedStatement.
        """
        sha256 = self.digest.get("sha256")
        if sha256 is None:
            return None
        tree_name, tree_type = bool(self.name and self.name.endswith("/")), self.media_type == LISTING_MEDIA_TYPE
        if tree_name != tree_type:
            raise MalformedStatement(f"{shown(self.name)} is neither clearly a file nor clearly a tree")
        return ContentDigest("tree" if tree_type else "file", sha256)


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one reading of a file or tree found.

    `name` is the base name without a trailing `/`; `size` counts bytes; `blake3` is a file's BLAKE3, or for a tree the
    SHA-256 of its BLAKE3 listing (None where not asked for); the listings are a tree's; `selection` holds the patterns
    of a partial reading, () for the whole.
    """

    name: str
    content: ContentDigest
    size: int
    files: int
    blake3: str | None
    listing: Listing | None
    blake3_listing: Listing | None
    selection: tuple[str, ...] = ()

    def descriptor(self, **annotations: Any) -> ResourceDescriptor:
        """The subject of a statement about these bytes; annotations carry size, files and the selection, and those given."""
        tree = self.content.kind == "tree"
        notes: dict[str, Any] = {"size": self.size, "files": self.files, **annotations}
        if self.selection:
            notes["selection"] = list(self.selection)
        return ResourceDescriptor(
            name=self.name + "/" if tree else self.name,
            digest={"sha256": self.content.sha256},
            media_type=LISTING_MEDIA_TYPE if tree else None,
            annotations=notes,
        )


@dataclass(frozen=True, slots=True)
class QuickMeasurement:
    """What a reading by BLAKE3 alone found: good for finding an attestation and for nothing else.

    `blake3` is a file's BLAKE3, or for a tree the SHA-256 of its BLAKE3 listing.
    """

    name: str
    kind: Kind
    blake3: str
    size: int
    files: int
    selection: tuple[str, ...] = ()


def measure(
    path: str | Path,
    *,
    name: str | None = None,
    include: Sequence[str] = (),
    algorithms: Collection[str] = ("sha256", "blake3"),
    progress: Progress | None = None,
) -> Measurement:
    """Read a file or tree once and give its digests.

    `include` selects files of a tree (see `selection`). Raises SubjectError for a symlink, device, socket or pipe, for
    names that a listing refuses, for a file that changes meanwhile, and for a selection that selects nothing.
    """
    if "sha256" not in algorithms:
        raise ValueError("a measurement is by SHA-256; measure_quickly is by BLAKE3 alone")
    read = _read(path, name, include, algorithms, progress)
    if not read.tree:
        content = ContentDigest("file", read.digests["sha256"].hex())
        quick = read.digests["blake3"].hex() if "blake3" in algorithms else None
        return Measurement(read.name, content, read.size, 1, quick, None, None)
    listing = read.listing("sha256")
    quick_listing = read.listing("blake3") if "blake3" in algorithms else None
    quick = quick_listing.sha256 if quick_listing is not None else None
    count = len(read.names)
    return Measurement(read.name, listing.digest(), read.size, count, quick, listing, quick_listing, read.selection)


def measure_quickly(
    path: str | Path, *, name: str | None = None, include: Sequence[str] = (), progress: Progress | None = None
) -> QuickMeasurement:
    """Read a file or tree once by BLAKE3 alone; errors as `measure`."""
    read = _read(path, name, include, ("blake3",), progress)
    if not read.tree:
        return QuickMeasurement(read.name, "file", read.digests["blake3"].hex(), read.size, 1)
    quick = read.listing("blake3").sha256
    return QuickMeasurement(read.name, "tree", quick, read.size, len(read.names), read.selection)


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read: names of files as they were found, and for each algorithm 32 bytes a file in the same order."""

    name: str
    tree: bool
    names: Sequence[bytes]
    digests: Mapping[str, bytes | bytearray]
    size: int
    selection: tuple[str, ...] = ()

    def listing(self, algorithm: Algorithm) -> Listing:
        return Listing.of_checked(self.names, self.digests[algorithm], algorithm)


def _read(
    path: str | Path, name: str | None, include: Sequence[str], algorithms: Collection[str], progress: Progress | None
) -> _Read:
    given = os.fspath(path)
    place = given.rstrip("/") or "/"  # "link/" would lead through the link
    name = name or _base_name(place)
    check_name(name)
    if "/" in name:
        raise SubjectError(f"the name {shown(name)} holds a slash", hint="give one name, without folders")
    try:
        status = os.lstat(place)
    except OSError as exc:
        raise cannot_be_read(given, exc) from None
    except ValueError:  # a NUL, which no path holds
        raise SubjectError(f"{shown(given)} is no path", hint="give a file or a folder") from None
    if stat.S_ISDIR(status.st_mode):
        return _read_tree(place, name, Selection(include), algorithms, progress)
    if stat.S_ISREG(status.st_mode):
        if include:
            raise SubjectError(
                f"{shown(given)} is a file: --include selects files of a folder", hint="leave out --include"
            )
        return _read_file(place, name, status, algorithms, progress)
    if stat.S_ISLNK(status.st_mode):
        raise SubjectError(f"{shown(given)} is a symlink", hint=f"give what it leads to: {os.path.realpath(place)}")
    raise SubjectError(f"{shown(given)} is {kind_of(status.st_mode)}", hint="only files and folders can be attested")


def _read_tree(
    place: str, name: str, selection: Selection, algorithms: Collection[str], progress: Progress | None
) -> _Read:
    root = _open(place, lists=True)
    try:
        files = scan(root, selection)
        if selection and not files:
            patterns = " ".join(map(shown, selection.patterns))
            raise SubjectError(
                f"--include {patterns} selects nothing in {shown(place)}",
                hint="a pattern is matched against the whole relative path: train/**, **/*.csv",
            )
        digests = hash_files(files, algorithms, progress)
        check_unchanged(files, selection)
    finally:
        os.close(root)
    return _Read(name, True, files.names, digests, sum(files.sizes), selection.patterns)


def _read_file(
    place: str, name: str, status: os.stat_result, algorithms: Collection[str], progress: Progress | None
) -> _Read:
    folder, _, base = place.rpartition("/")
    root = _open(folder + "/" if "/" in place else "./", lists=False)
    try:
        files = Files(root)
        files.add_folder(b"", identity(os.fstat(root)))
        files.add(os.fsencode(base), status)
        digests = hash_files(files, algorithms, progress)
    finally:
        os.close(root)
    return _Read(name, False, files.names, digests, status.st_size)


def _open(folder: str, *, lists: bool) -> int:
    try:
        return open_folder(folder, lists=lists)
    except OSError as exc:
        raise cannot_be_read(folder, exc) from None


def _base_name(place: str) -> str:
    base = os.path.basename(place)
    return os.path.basename(os.path.realpath(place)) if base in {"", ".", ".."} else base
