"""Subjects: in-toto resource descriptors, and measuring files and trees into them."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from attestflow.digest import LISTING_MEDIA_TYPE, Algorithm, ContentDigest, Kind, Listing, is_hex_digest
from attestflow.documents import shown
from attestflow.errors import MalformedStatement, SubjectError
from attestflow.hashing import Found, Meter, Progress, hash_many, hash_one, kind_of
from attestflow.names import check_collisions, check_name
from attestflow.selection import selector

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
    if read.files is None:
        content = ContentDigest("file", read.digests["sha256"].hex())
        quick = read.digests["blake3"].hex() if "blake3" in algorithms else None
        return Measurement(read.name, content, read.size, 1, quick, None, None)
    listing = _listing(read, "sha256")
    quick_listing = _listing(read, "blake3") if "blake3" in algorithms else None
    quick = quick_listing.sha256 if quick_listing is not None else None
    count = len(read.files)
    return Measurement(read.name, listing.digest(), read.size, count, quick, listing, quick_listing, tuple(include))


def measure_quickly(
    path: str | Path, *, name: str | None = None, include: Sequence[str] = (), progress: Progress | None = None
) -> QuickMeasurement:
    """Read a file or tree once by BLAKE3 alone; errors as `measure`."""
    read = _read(path, name, include, ("blake3",), progress)
    if read.files is None:
        return QuickMeasurement(read.name, "file", read.digests["blake3"].hex(), read.size, 1)
    quick = _listing(read, "blake3").sha256
    return QuickMeasurement(read.name, "tree", quick, read.size, len(read.files), tuple(include))


@dataclass(frozen=True, slots=True)
class _Read:
    name: str
    files: list[Found] | None  # of a tree, in order; None: a file
    digests: Mapping[str, bytes | bytearray]  # by algorithm, 32 bytes a file
    size: int


def _read(
    path: str | Path, name: str | None, include: Sequence[str], algorithms: Collection[str], progress: Progress | None
) -> _Read:
    root = os.path.abspath(path)
    name = name or os.path.basename(root)
    check_name(name)
    if "/" in name:
        raise SubjectError(f"the name {shown(name)} holds a slash", hint="give one name, without folders")
    try:
        status = os.lstat(root)
    except OSError as exc:
        raise SubjectError(f"{shown(path)} cannot be read: {exc.strerror}", hint="give a file or a folder") from None
    if stat.S_ISDIR(status.st_mode):
        selected = selector(include)
        files = [file for file in scan(root) if selected(file.name)]
        if include and not files:
            raise SubjectError(
                f"--include {' '.join(map(shown, include))} selects nothing in {shown(path)}",
                hint="a pattern is matched against the whole relative path: train/**, **/*.csv",
            )
        files.sort(key=lambda file: os.fsencode(file.name))
        check_collisions(file.name for file in files)
        digests = hash_many(root, files, algorithms, progress)
        if include == ():
            _still_there(root, files)
        return _Read(name, files, digests, sum(file.size for file in files))
    if stat.S_ISLNK(status.st_mode):
        raise SubjectError(f"{shown(path)} is a symlink", hint=f"give what it leads to: {os.path.realpath(root)}")
    if not stat.S_ISREG(status.st_mode):
        raise SubjectError(f"{shown(path)} is {kind_of(status.st_mode)}", hint="only files and folders can be attested")
    if include:
        raise SubjectError(f"{shown(path)} is a file: --include selects files of a folder", hint="leave out --include")
    one = hash_one(root, algorithms, Meter(progress, status.st_size))
    found = {"sha256": one.sha256, "blake3": one.blake3}
    return _Read(name, None, {key: digest for key, digest in found.items() if digest is not None}, one.size)


def scan(root: str) -> Iterator[Found]:
    """Every regular file below a folder, in no order. SubjectError for anything else that is there but folders."""
    for name, entry in _entries(root):
        if entry.is_file(follow_symlinks=False):
            yield Found(name, entry.stat(follow_symlinks=False).st_size)
        else:
            mode = entry.stat(follow_symlinks=False).st_mode
            raise SubjectError(f"{shown(name)} is {kind_of(mode)}", hint="only regular files can be attested")


def _entries(root: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Whatever is below a folder and no folder itself, with its relative path."""
    folders = [""]
    while folders:
        folder = folders.pop()
        lead = f"{folder}/" if folder else ""
        try:
            with os.scandir(f"{root}/{folder}" if folder else root) as entries:
                for entry in entries:
                    check_name(entry.name)
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(lead + entry.name)
                    else:
                        yield lead + entry.name, entry
        except OSError as exc:
            raise SubjectError(f"{shown(folder or root)} cannot be read: {exc.strerror}") from None


def _still_there(root: str, files: Sequence[Found]) -> None:
    """A file that came or went while the others were read makes the tree another one."""
    missing = {file.name for file in files}
    count = 0
    for name, _ in _entries(root):
        count += 1
        if name not in missing:
            raise _came_or_went(name)
        missing.discard(name)
    if count != len(files):
        raise _came_or_went(min(missing))


def _came_or_went(name: str) -> SubjectError:
    return SubjectError(
        f"{shown(name)} came or went while the tree was read", hint="attest it when nothing writes to it any more"
    )


def _listing(read: _Read, algorithm: Algorithm) -> Listing:
    assert read.files is not None
    return Listing.of_sorted((os.fsencode(file.name) for file in read.files), read.digests[algorithm], algorithm)
