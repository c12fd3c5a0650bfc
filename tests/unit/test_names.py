"""Names that a listing refuses, and names that are one where case or accents are folded."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestflow.errors import SubjectError
from attestflow.names import check_collisions, check_name, check_siblings

# Letters that differ in case and composition only, or that fold to two letters.
COMPONENTS = st.sampled_from(["a", "A", "b", "é", "e\u0301", "E\u0301", "ß", "ss", "\u212a", "k", "\u0345", "ι"])
PATHS = st.lists(COMPONENTS, min_size=1, max_size=3).map("/".join)


@pytest.mark.parametrize(
    "name",
    [
        "a",
        ".hidden",
        "a.b",
        "...",
        "..a",
        "a..",
        "a b",
        " ",
        "-rf",
        "~",
        "é",
        "e\u0301",
        "日本",
        "a/.b/c..d",
        "\u202etxt",
        "*?[]",
    ],
)
def test_names_that_are_taken(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "without a name"),
        (".", "plain relative path"),
        ("..", "plain relative path"),
        ("../a", "plain relative path"),
        ("a/..", "plain relative path"),
        ("a/../b", "plain relative path"),
        ("a/./b", "plain relative path"),
        ("/a", "plain relative path"),
        ("a/", "plain relative path"),
        ("a//b", "plain relative path"),
        ("é/..", "plain relative path"),
        ("a\\b", "backslash"),
        ("a\0", "control character"),
        ("a\n", "control character"),
        ("\x7f", "control character"),
        ("\x85", "control character"),
        ("a\u2028", "control character"),
        ("a\udcff", "not UTF-8"),
    ],
)
def test_names_that_are_refused(name: str, why: str) -> None:
    with pytest.raises(SubjectError, match=why) as caught:
        check_name(name)
    assert caught.value.hint


@given(st.text(st.sampled_from("a.é/\\\n \x7f~"), max_size=6))
def test_the_quick_way_takes_nothing_that_the_rules_refuse(name: str) -> None:
    parts = name.split("/")
    plain = all(part not in {"", ".", ".."} for part in parts)
    allowed = plain and not any(char in "\\" or unicodedata.category(char) == "Cc" for char in name)
    if allowed:
        check_name(name)
    else:
        with pytest.raises(SubjectError):
            check_name(name)


@pytest.mark.parametrize(
    "pair",
    [("a", "A"), ("é", "e\u0301"), ("É", "e\u0301"), ("ß", "ss"), ("\u212a", "k"), ("D/x", "d/y"), ("d/D/x", "d/d/y")],
)
def test_names_that_are_one_where_names_are_folded(pair: tuple[str, str]) -> None:
    for names in (pair, pair[::-1]):
        with pytest.raises(SubjectError, match="are the same"):
            check_collisions(names)


def test_names_that_only_look_alike() -> None:
    # Latin, Cyrillic and fullwidth
    check_collisions(["a", "а", "ａ", "a/b", "b/a", "A.txt", "a_txt"])


@given(st.sets(PATHS, max_size=8))
def test_looking_at_siblings_finds_what_looking_at_whole_paths_finds(names: set[str]) -> None:
    """A scan looks at one folder at a time; a listing at all of its names at once."""
    siblings: dict[str, set[str]] = {}
    for name in names:
        parts = name.split("/")
        for depth in range(len(parts)):
            siblings.setdefault("/".join(parts[:depth]), set()).add("/".join(parts[: depth + 1]))
    assert _refuses(check_collisions, [sorted(names)]) == _refuses(check_siblings, map(sorted, siblings.values()))


def _refuses(check: object, groups: object) -> bool:
    try:
        for group in groups:  # type: ignore[attr-defined]
            check(group)  # type: ignore[operator]
    except SubjectError:
        return True
    return False
