"""Which names a file may have in a listing: whatever could be read as another name is refused."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from attestflow.documents import shown
from attestflow.errors import SubjectError

# Nearly all names: components of printable ASCII but the backslash, none of them `.` or `..`.
_PLAIN = re.compile(r"(?!\.{1,2}(?:/|\Z))[ -.0-\[\]-~]+(?:/(?!\.{1,2}(?:/|\Z))[ -.0-\[\]-~]+)*")


def check_name(name: str) -> None:
    """Raise SubjectError for a relative path that a listing cannot hold without doubt.

    Refused: the empty name, absolute paths, `.`, `..` and empty components, backslashes, control characters, line
    separators, and bytes that are not UTF-8 (they arrive as surrogates).
    """
    if _PLAIN.fullmatch(name):
        return  # the checks below say what is wrong with the others
    if not name:
        raise SubjectError("a file without a name", hint="give it one with --name")
    if any("\ud800" <= char <= "\udfff" for char in name):
        raise SubjectError(f"the name {shown(name)} is not UTF-8", hint="rename the file")
    if "\\" in name:
        raise SubjectError(f"the name {shown(name)} holds a backslash", hint="rename the file")
    if any(unicodedata.category(char) == "Cc" or char in "\u2028\u2029" for char in name):
        raise SubjectError(f"the name {shown(name)} holds a control character", hint="rename the file")
    if any(part in {"", ".", ".."} for part in name.split("/")):
        raise SubjectError(
            f"the name {shown(name)} is not a plain relative path", hint="leave out '.', '..' and empty parts"
        )


def check_collisions(names: Iterable[str]) -> None:
    """Raise SubjectError where two names, or two of their folders, are one name under NFC and case folding.

    On a file system that folds names one of them would take the other's place, and the digest would not tell.
    """
    seen: dict[str, str] = {}
    folders: set[str] = set()
    for name in names:
        _note(seen, name)
        folder = name.rpartition("/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            _note(seen, folder)
            folder = folder.rpartition("/")[0]


def check_siblings(names: Sequence[str]) -> None:
    """`check_collisions` for the distinct names in one folder."""
    if len(set(map(_folded, names))) < len(names):
        check_collisions(names)


def _note(seen: dict[str, str], name: str) -> None:
    other = seen.setdefault(_folded(name), name)
    if other != name:
        raise SubjectError(
            f"the names {shown(other)} and {shown(name)} are the same where case or accents are folded",
            hint="rename one of them",
        )


def _folded(name: str) -> str:
    """The canonical caseless form (Unicode 3.13, D145), composed."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def fold(name: str) -> str:
    """A name as it is compared: NFKC, case folded, NFKC again, so that no look-alike of a protected name is another one."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
