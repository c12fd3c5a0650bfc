from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestflow.errors import SubjectError
from attestflow.mlbom.description import Environment
from attestflow.mlbom.installed import installed_environment, normalised, parse_requirements

Install = Callable[..., Path]


def environment(folder: Path, requirements: bytes) -> Environment:
    return installed_environment(parse_requirements(requirements), path=[str(folder)])


def test_what_is_installed_not_what_is_wished(install: Install) -> None:
    install("Two.Words", "1.5", "Requires-Dist: needed>=1", "Requires-Dist: extra-only; extra == 'more'")
    install("extra-only", "3")
    folder = install("needed", "2.0", "Requires-Dist: two_words")
    install("unrelated", "9")
    found = environment(folder, b"two_words<1.4  # old\n-r other.txt\nlost==1 --hash=sha256:00\n")
    one, two, three = found.dependencies
    assert (one.name, one.version, one.requirement, one.satisfied) == ("lost", None, "lost==1", False)
    assert (two.name, two.version, two.depends_on) == ("needed", "2.0", ("two-words",))
    assert (two.requirement, two.satisfied) == (None, None)
    assert (three.name, three.version, three.requirement, three.satisfied) == (
        "two-words",
        "1.5",
        "two_words<1.4",
        False,
    )
    assert not found.complete


def test_extras_and_markers(install: Install) -> None:
    install(
        "a", "1", "Provides-Extra: more", "Requires-Dist: b; extra == 'more'", "Requires-Dist: c; python_version < '3'"
    )
    install("b", "1")
    folder = install("c", "1")
    assert [item.name for item in environment(folder, b"a\nc; python_version < '3'\n").dependencies] == ["a"]
    found = environment(folder, b"a[more]>=0.1\n")
    assert [item.name for item in found.dependencies] == ["a", "b"]
    assert found.complete


def test_hashes_only_where_the_installer_kept_them(install: Install) -> None:
    archive = {"url": "https://x.example/a.whl", "archive_info": {"hashes": {"sha256": "a" * 64, "md5": "b" * 32}}}
    install("a", "1", direct_url=json.dumps(archive))
    install("b", "1", direct_url='{"archive_info": {"hashes": {"sha256": "' + "A" * 64 + '"}}}')
    install("c", "1", direct_url="[")
    folder = install("d", "1")
    found = {item.name: item for item in environment(folder, b"a\nb\nc\nd\n").dependencies}
    assert found["a"].hashes == (("sha256", "a" * 64),)
    assert found["b"].hashes == found["c"].hashes == found["d"].hashes == ()
    assert found["d"].record_sha256 == hashlib.sha256((folder / "d-1.dist-info" / "RECORD").read_bytes()).hexdigest()


def test_metadata_that_cannot_be_read_makes_the_list_incomplete(install: Install) -> None:
    folder = install("a", "1", "Requires-Dist: ???")
    found = environment(folder, b"a\n")
    assert [item.name for item in found.dependencies] == ["a"]
    assert not found.complete


def test_version_that_is_none_satisfies_nothing(install: Install) -> None:
    folder = install("a", "not.a.version")
    assert [item.satisfied for item in environment(folder, b"a>=1\n").dependencies] == [False]


def test_secrets_of_a_url_are_cut(install: Install) -> None:
    folder = install("a", "1")
    found = environment(folder, b"a @ https://user:token@host.example/a-1.whl?sig=secret#sha256=00\n")
    requirement = found.dependencies[0].requirement
    assert requirement is not None
    assert requirement.replace(" ", "") == "a@https://host.example/a-1.whl"
    with pytest.raises(SubjectError) as caught:
        parse_requirements(b"a !! b @ https://user:token@host.example/x\n")
    assert "token" not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "# note",
        "-r other.txt",
        "--index-url https://u:p@x/",
        "code/x.whl",
        "./local",
        "git+https://u@x/y",
        "https://x/y.zip",
    ],
)
def test_lines_that_name_no_distribution(line: str) -> None:
    assert parse_requirements(line.encode()) == ()


@pytest.mark.parametrize("data", [b"a b c", b"\xff", b"a==\x1b[2J", b"\n".join([b"a"] * 10_001)])
def test_hostile_requirements(data: bytes) -> None:
    with pytest.raises(SubjectError) as caught:
        parse_requirements(data)
    assert "\x1b" not in str(caught.value)


@given(st.text(max_size=80))
def test_any_requirements(text: str) -> None:
    with contextlib.suppress(SubjectError):
        parse_requirements(text.encode("utf-8", "replace"))


def test_names_compare_as_pep_503_says() -> None:
    assert normalised("Two..Words__x-Y") == "two-words-x-y"
