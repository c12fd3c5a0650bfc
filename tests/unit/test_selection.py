"""Patterns of `--include`."""

from __future__ import annotations

import itertools
import time
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestflow.errors import SubjectError
from attestflow.selection import Selection

NAMES = ["/".join(parts) for depth in (1, 2, 3) for parts in itertools.product(("a", "b.csv", ".h"), repeat=depth)]
PARTS = st.sampled_from(["a", "*", "**", "?", "*.csv", "[!a]*", ".h"])
PATTERNS = st.lists(PARTS, min_size=1, max_size=4).map("/".join)


@pytest.mark.parametrize(
    ("pattern", "taken", "left"),
    [
        ("*", ["a", ".h", "a.csv"], ["a/b"]),
        ("a", ["a"], ["a/a", "b/a", "A", "ab"]),
        ("a/", ["a/b", "a/b/c"], ["a", "b/a/c", "ab/c"]),
        ("a/**", ["a/b", "a/.h/c"], ["a", "b"]),
        ("**", ["a", "a/b", ".h/c"], []),
        ("**/a", ["a", "b/a", "b/c/a"], ["a/b", "ba"]),
        ("**/a/**", ["a/b", "b/a/c", "a/b/c"], ["a", "b/a"]),
        ("a/*/c", ["a/b/c"], ["a/c", "a/b/b/c"]),
        ("a/**/c", ["a/c", "a/b/c", "a/b/b/c"], ["c", "a/b"]),
        ("a/**/**/c", ["a/c", "a/b/b/c"], ["a"]),
        ("*.csv", ["x.csv", ".csv"], ["x.CSV", "a/x.csv"]),
        ("[ab]?", ["ax", "b."], ["cx", "a", "abc"]),
        ("[!a]", ["b"], ["a"]),
        ("a[*]b", ["a*b"], ["axb"]),
        ("a**b", ["ab", "axxb"], ["a/b"]),
    ],
)
def test_what_a_pattern_takes(pattern: str, taken: list[str], left: list[str]) -> None:
    selection = Selection([pattern])
    assert [name for name in taken if not selection.takes(name)] == []
    assert [name for name in left if selection.takes(name)] == []


@pytest.mark.parametrize("pattern", ["", "/", "/a", "a//b", "./a", "a/..", "../a", "//", "x" * 1001])
def test_patterns_that_can_take_nothing(pattern: str) -> None:
    with pytest.raises(SubjectError, match="selects nothing"):
        Selection([pattern])


def test_no_pattern_is_no_selection() -> None:
    assert not Selection()
    assert Selection().takes("a/b")
    assert Selection().reaches("a")


def test_one_selection_is_written_one_way() -> None:
    assert Selection(["b", "a", "b"]).patterns == ("a", "b") == Selection(("a", "b")).patterns


def test_a_text_is_no_list_of_patterns() -> None:
    with pytest.raises(TypeError):
        Selection("abc")


@given(PATTERNS)
def test_it_agrees_with_trying_every_way(pattern: str) -> None:
    selection = Selection([pattern])
    assert [name for name in NAMES if selection.takes(name)] == [
        name for name in NAMES if _takes(tuple(name.split("/")), tuple(pattern.split("/")))
    ]


@given(st.lists(PATTERNS, min_size=1, max_size=3))
def test_every_folder_above_a_selected_file_is_reached(patterns: list[str]) -> None:
    selection = Selection(patterns)
    above = {name.rpartition("/")[0] for name in NAMES if "/" in name and selection.takes(name)}
    assert [folder for folder in above if not selection.reaches(folder)] == []


def test_folders_that_no_pattern_reaches() -> None:
    selection = Selection(["train/**", "eval/*/x.csv", "*.json"])
    for folder in ("train", "train/deep", "eval", "eval/a"):
        assert selection.reaches(folder), folder
    for folder in (".venv", "data", "data/train", "eval/a/b", "x.json"):
        assert not selection.reaches(folder), folder


def test_no_pattern_takes_for_ever() -> None:
    start = time.process_time()
    for pattern in ("**/*" * 200 + "x", "*" * 200 + "x", "/".join(["**", "a"] * 150)):
        selection = Selection([pattern])
        selection.takes("/".join(["a"] * 500) + "b")
        selection.reaches("a" * 250)
    assert time.process_time() - start < 5


def _takes(names: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    if not parts:
        return not names
    if parts == ("**",):
        return bool(names)
    if parts[0] == "**":
        return any(_takes(names[skipped:], parts[1:]) for skipped in range(len(names) + 1))
    return bool(names) and fnmatchcase(names[0], parts[0]) and _takes(names[1:], parts[1:])
