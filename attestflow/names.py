"""Which names a file may have in a listing: whatever could be read as another name is refused."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from attestflow.documents import shown
from attestflow.errors import SubjectError

# Components of printable ASCII without slash and backslash, none of them . or ..
_COMPONENT = r"(?!\.\.?(?:/|\Z))[ -.0-\[\]-~]+"
_PLAIN = re.compile(f"{_COMPONENT}(?:/{_COMPONENT})*")


def check_name(name: str) -> None:
    """Raise SubjectError for a relative path that a listing cannot hold without doubt.

    Refused: the empty name, absolute paths, `.`, `..` and empty components, backslashes, control characters, and bytes
    that are not UTF-8 (they arrive as surrogates).
    """
    if _PLAIN.fullmatch(name):
        return  # nearly all names; the checks below say what is wrong with the others
    if not name:
        raise SubjectError("a file without a name")
    if any("\ud800" <= char <= "\udfff" for char in name):
        raise SubjectError(f"the name {shown(name)} is not UTF-8", hint="rename the file")
    if "\\" in name:
        raise SubjectError(f"the name {shown(name)} holds a backslash", hint="rename the file")
    if any(unicodedata.category(char) == "Cc" or char in "\u2028\u2029" for char in name):
        raise SubjectError(f"the name {shown(name)} holds a control character", hint="rename the file")
    if any(part in {"", ".", ".."} for part in name.split("/")):
        raise SubjectError(f"the name {shown(name)} is not a plain relative path")


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


def _note(seen: dict[str, str], name: str) -> None:
    folded = (
        name.lower() if name.isascii() else unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
    )
    if folded == name and folded not in seen:
        seen[folded] = name
        return
    other = seen.setdefault(folded, name)
    if other != name:
        raise SubjectError(
            f"the names {shown(other)} and {shown(name)} are the same where case or accents are folded",
            hint="rename one of them",
        )
