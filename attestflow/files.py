"""Files as they lie on a disk: opened without following links, and told apart from what they were a moment ago."""

from __future__ import annotations

import os
import stat
import time
from array import array
from dataclasses import dataclass, field

from attestflow.documents import shown
from attestflow.errors import SubjectError

# A kernel stamps changes with a clock that ticks every 1 to 10 ms: two changes within one tick may carry one time.
TICK_NS = 20_000_000
_WORD = 0xFFFF_FFFF_FFFF_FFFF
# O_NONBLOCK: a pipe that took a file's place must not hold the reader up.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_FOLDER = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_DIRECTORY
_ENTER = getattr(os, "O_PATH", os.O_RDONLY)  # files of a folder that may not be listed can still be read

Identity = tuple[int, int, int, int, int]


def identity(status: os.stat_result) -> Identity:
    """What changes when a file is written to, replaced or renamed: device, inode, size, time of modification, of change."""
    return (
        status.st_dev & _WORD,
        status.st_ino & _WORD,
        status.st_size,
        status.st_mtime_ns & _WORD,
        status.st_ctime_ns & _WORD,
    )


def _words() -> array[int]:
    return array("Q")


@dataclass(slots=True)
class Files:
    """Regular files below the folder that is open as `root`, as they were when they were found.

    Columns instead of objects, because a tree may hold very many: a file costs about 120 bytes. `names` are paths
    relative to the root; `folders` are paths too ("" is the root), with their identity, and `folder_of` says in which of
    them a file is.
    """

    root: int
    folders: list[tuple[bytes, Identity]] = field(default_factory=list)
    names: list[bytes] = field(default_factory=list)
    folder_of: array[int] = field(default_factory=_words)
    sizes: array[int] = field(default_factory=_words)
    _devices: array[int] = field(default_factory=_words)
    _inodes: array[int] = field(default_factory=_words)
    _modified: array[int] = field(default_factory=_words)
    _changed: array[int] = field(default_factory=_words)

    def add_folder(self, path: bytes, found: Identity) -> None:
        """Add a folder; the files that are added from now on are in it."""
        self.folders.append((path, found))

    def add(self, name: bytes, status: os.stat_result) -> None:
        """Add a file to the folder that was added last."""
        device, inode, size, modified, changed = identity(status)
        self.names.append(name)
        self.folder_of.append(len(self.folders) - 1)
        self.sizes.append(size)
        self._devices.append(device)
        self._inodes.append(inode)
        self._modified.append(modified)
        self._changed.append(changed)

    def __len__(self) -> int:
        return len(self.names)

    def identity(self, index: int) -> Identity:
        """What `identity` said of a file when it was found."""
        return (
            self._devices[index],
            self._inodes[index],
            self.sizes[index],
            self._modified[index],
            self._changed[index],
        )

    def settle(self) -> None:
        """Wait until a change of any file would show: while its last one is a tick of the clock ago, it might not."""
        if self._changed and is_young(max(self._changed)):
            time.sleep(TICK_NS / 1e9)


def is_young(changed_ns: int) -> bool:
    """Whether a change could have followed the one at `changed_ns` under the same time stamp."""
    return 0 <= time.time_ns() - changed_ns < TICK_NS


def open_file(name: bytes, folder: int) -> int:
    """A descriptor for a file in an open folder. OSError; a symlink is not followed, a pipe does not block."""
    return os.open(name, _FILE, dir_fd=folder)


def open_folder(path: str | bytes, parent: int | None = None, *, lists: bool) -> int:
    """A descriptor for a folder, by its path from an open one; only with `lists` its entries can be read.

    OSError; the last component of the path may be no symlink.
    """
    return os.open(path, _FOLDER | (os.O_RDONLY if lists else _ENTER), dir_fd=parent)


def text(name: bytes) -> str:
    """A file's name as text for messages; bytes that are not UTF-8 stay visible as escapes."""
    return name.decode("utf-8", "surrogateescape")


def changed_while_read(name: str | bytes) -> SubjectError:
    """The error for a file that is not what it was when it was found."""
    return SubjectError(
        f"{shown(text(name) if isinstance(name, bytes) else name)} changed while it was read",
        hint="attest it when nothing writes to it any more",
    )


def cannot_be_read(name: str | bytes, error: OSError) -> SubjectError:
    """The error for a file or folder that the system does not let us read, with the system's reason."""
    return SubjectError(
        f"{shown(text(name) if isinstance(name, bytes) else name)} cannot be read: {error.strerror or error}",
        hint="check that it is there and that you may read it",
    )


def kind_of(mode: int) -> str:
    """What a file of this mode is, in words."""
    for test, words in (
        (stat.S_ISLNK, "a symlink"),
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a named pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a character device"),
        (stat.S_ISBLK, "a block device"),
    ):
        if test(mode):
            return words
    return "no regular file"
