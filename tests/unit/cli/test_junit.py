"""JUnit reports: what failed, what was skipped, what broke; and XML that is made to hurt."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestflow.cli.junit import read_junit
from attestflow.errors import ConfigurationError
from attestflow.subject import ResourceDescriptor

GOOD = b'<testsuites><testsuite name="unit"><testcase classname="a" name="t1"/><testcase name="t2"/></testsuite></testsuites>'


def test_passed() -> None:
    suite = ResourceDescriptor(name="tests/", digest={"sha256": "0" * 64})
    found = read_junit(GOOD, "junit.xml", suite)
    assert (found.result, found.passed_tests, found.configuration) == ("PASSED", ("a.t1", "t2"), (suite,))
    assert read_junit(GOOD, "junit.xml", None).configuration == (ResourceDescriptor(name="unit"),)


@pytest.mark.parametrize(
    ("inside", "result"),
    [
        ("<failure message='secret value 42'>trace</failure>", "FAILED"),
        ("<error/>", "FAILED"),
        ("<skipped/>", "WARNED"),
        ("<system-out>x</system-out>", "PASSED"),
    ],
)
def test_outcomes(inside: str, result: str) -> None:
    text = f'<testsuite><testcase name="t">{inside}</testcase><testcase name="u"/></testsuite>'
    found = read_junit(text.encode(), "junit.xml", None)
    assert found.result == result
    assert "secret" not in str(found.to_json())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<",
        b"<html/>",
        b"<testsuite/>",
        b'<!DOCTYPE x [<!ENTITY a "aaaa">]><testsuite><testcase name="&a;"/></testsuite>',
        b"<testsuite><testcase name='\x00'/></testsuite>",
        '<?xml version="1.0" encoding="utf-16"?><testsuite/>'.encode("utf-16"),
    ],
)
def test_what_is_no_report(data: bytes) -> None:
    with pytest.raises(ConfigurationError):
        read_junit(data, "junit.xml", None)


@given(st.binary(max_size=200), st.integers(0, len(GOOD)))
def test_junk_ends_in_the_one_error_or_a_result(junk: bytes, at: int) -> None:
    with contextlib.suppress(ConfigurationError):
        read_junit(GOOD[:at] + junk + GOOD[at:], "junit.xml", None)
