"""`--include GLOB`: which files of a tree are meant.

A pattern is matched against the whole relative path, component by component: `*`, `?` and `[...]` stay inside one
component, `**` stands for any number of components, a pattern without `/` matches at the top of the tree only, and a
pattern that ends in `/` means all below that folder. Case counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

from attestflow.documents import shown
from attestflow.errors import SubjectError

MAX_PATTERN = 1000


def selector(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Whether a relative path is selected by one of `patterns`; no pattern selects all. SubjectError for unusable ones."""
    if not patterns:
        return lambda name: True
    split = [_split(pattern) for pattern in patterns]
    return lambda name: any(_match(name.split("/"), parts) for parts in split)


def _split(pattern: str) -> list[str]:
    if not pattern or len(pattern) > MAX_PATTERN or pattern.startswith("/"):
        raise SubjectError(
            f"the pattern {shown(pattern)} selects nothing", hint="write a relative path such as train/**"
        )
    parts = [*pattern.split("/")[:-1], "**"] if pattern.endswith("/") else pattern.split("/")
    if any(part in {"", ".", ".."} for part in parts):
        raise SubjectError(f"the pattern {shown(pattern)} selects nothing", hint="leave out empty parts, . and ..")
    return [part for index, part in enumerate(parts) if part != "**" or parts[index - 1 : index] != ["**"]]


def _match(names: list[str], parts: list[str]) -> bool:
    """Dynamic programming over components, so that no pattern takes more than names x parts steps."""
    reachable = {0}
    for part in parts:
        if part == "**":
            reachable = set(range(min(reachable), len(names) + 1))
        else:
            reachable = {at + 1 for at in reachable if at < len(names) and fnmatchcase(names[at], part)}
        if not reachable:
            return False
    return len(names) in reachable
