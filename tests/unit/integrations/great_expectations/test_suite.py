"""The canonical digest of a suite: the same exactly when the same is expected."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestflow.errors import ConfigurationError
from attestflow.integrations.great_expectations.suite import Suite

BETWEEN = {"type": "expect_column_values_to_be_between", "kwargs": {"column": "age", "min_value": 0, "max_value": 120}}
NOT_NULL = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "age"}}


def digest(*expectations: dict[str, Any]) -> str:
    return Suite.of("people", expectations, "test").sha256


def test_ids_notes_meta_and_order_do_not_count() -> None:
    noted = {**BETWEEN, "id": "1", "notes": "as agreed", "meta": {"by": "me"}, "severity": "critical"}
    assert digest(BETWEEN, NOT_NULL) == digest(NOT_NULL, noted)


def test_the_batch_that_a_result_names_does_not_count() -> None:
    ran = {**BETWEEN, "kwargs": {**BETWEEN["kwargs"], "batch_id": "pandas-people"}}
    assert digest(BETWEEN) == digest(ran)


def test_one_and_one_point_zero_are_one_number() -> None:
    ran = {**BETWEEN, "kwargs": {"column": "age", "min_value": 0.0, "max_value": 120.0}}
    assert digest(BETWEEN) == digest(ran)


@pytest.mark.parametrize(
    "weaker",
    [
        {**BETWEEN, "kwargs": {**BETWEEN["kwargs"], "max_value": 10_000}},
        {**BETWEEN, "kwargs": {**BETWEEN["kwargs"], "mostly": 0.01}},
        {**BETWEEN, "kwargs": {**BETWEEN["kwargs"], "column": "id"}},
        {**BETWEEN, "severity": "info"},
        {**BETWEEN, "type": "expect_column_max_to_be_between"},
    ],
)
def test_a_weaker_suite_is_another_suite(weaker: dict[str, Any]) -> None:
    assert digest(BETWEEN, NOT_NULL) != digest(weaker, NOT_NULL)


def test_a_dropped_expectation_makes_another_suite() -> None:
    assert digest(BETWEEN, NOT_NULL) != digest(BETWEEN)


def test_true_is_not_one() -> None:
    yes, one = ({"type": "t", "kwargs": {"value": value}} for value in (True, 1))
    assert digest(yes) != digest(one)


def test_an_empty_suite_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="any data would pass"):
        digest()


def test_a_parameter_is_refused() -> None:
    open_ended = {**BETWEEN, "kwargs": {"column": "age", "max_value": {"$PARAMETER": "limit"}}}
    with pytest.raises(ConfigurationError, match='parameter "limit"'):
        digest(open_ended)


@pytest.mark.parametrize(
    "broken",
    [
        "expect",
        {},
        {"type": ""},
        {"type": "t", "kwargs": []},
        {"type": "t", "kwargs": {}, "severity": "harmless"},
    ],
)
def test_what_is_no_expectation_is_refused(broken: Any) -> None:
    with pytest.raises(ConfigurationError):
        digest(broken)


def test_names_carry_the_column_and_tell_twins_apart() -> None:
    wider = {**BETWEEN, "kwargs": {**BETWEEN["kwargs"], "max_value": 130}}
    names = sorted(Suite.of("people", [BETWEEN, wider, NOT_NULL], "test").names().values())
    assert names[2] == "expect_column_values_to_not_be_null(age)"
    assert [name.partition("#")[0] for name in names[:2]] == ["expect_column_values_to_be_between(age)"] * 2
    assert names[0] != names[1]


@given(
    st.lists(
        st.fixed_dictionaries(
            {"type": st.text(min_size=1, max_size=8), "kwargs": st.dictionaries(st.text(max_size=5), st.integers())}
        ),
        min_size=1,
        max_size=6,
    ),
    st.randoms(),
)
def test_any_order_gives_the_same_digest(expectations: list[dict[str, Any]], random: Any) -> None:
    shuffled = list(expectations)
    random.shuffle(shuffled)
    assert digest(*expectations) == digest(*shuffled)
