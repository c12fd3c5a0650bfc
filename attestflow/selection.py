"""`--include GLOB`: which files of a tree are meant.

A pattern is matched against the whole relative path, component by component: `*`, `?` and `[...]` stay inside one
component, `**` stands for any number of components, a pattern without `/` matches at the top of the tree only, and a
pattern that ends in `/` means all below that folder. Dotfiles are files like others, and case counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from attestflow.documents import shown
from attestflow.errors import SubjectError

MAX_PATTERN = 1000


class Selection:
    """The files that one of `patterns` takes; all files where there is none."""

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        """Raise SubjectError for a pattern that cannot take anything."""
        if isinstance(patterns, str):
            raise TypeError("patterns are a sequence of text, not one text")
        self.patterns = tuple(sorted(set(patterns)))  # one selection is written one way, so that it can be compared
        self._split = [_split(pattern) for pattern in self.patterns]

    def __bool__(self) -> bool:
        return bool(self._split)

    def takes(self, name: str) -> bool:
        """Whether a file at this relative path is selected."""
        if not self._split:
            return True
        names = name.split("/")
        return any(len(parts) in _positions(names, parts) for parts in self._split)

    def reaches(self, folder: str) -> bool:
        """Whether a file below a folder at this relative path could be selected."""
        if not self._split:
            return True
        names = folder.split("/")
        return any(at < len(parts) for parts in self._split for at in _positions(names, parts))


def _split(pattern: str) -> tuple[str, ...]:
    if not pattern or len(pattern) > MAX_PATTERN or pattern.startswith("/"):
        raise SubjectError(
            f"the pattern {shown(pattern)} selects nothing", hint="write a relative path such as train/**"
        )
    parts = [*pattern.split("/")[:-1], "**"] if pattern.endswith("/") else pattern.split("/")
    if any(part in {"", ".", ".."} for part in parts):
        raise SubjectError(f"the pattern {shown(pattern)} selects nothing", hint="leave out empty parts, . and ..")
    if parts[-1] == "**":
        parts.append("*")  # below a folder means: not the folder's own name
    return tuple(part for index, part in enumerate(parts) if part != "**" or parts[index - 1 : index] != ["**"])


def _positions(names: Sequence[str], parts: Sequence[str]) -> set[int]:
    """Where in the pattern one may stand after `names`; no pattern takes more than names x parts steps."""
    at = _onwards({0}, parts)
    for name in names:
        stay = {here for here in at if here < len(parts) and parts[here] == "**"}
        step = {here + 1 for here in at - stay if here < len(parts) and fnmatchcase(name, parts[here])}
        at = _onwards(stay | step, parts)
    return at


def _onwards(at: set[int], parts: Sequence[str]) -> set[int]:
    """`**` may stand for no component at all."""
    return at | {here + 1 for here in at if here < len(parts) and parts[here] == "**"}
