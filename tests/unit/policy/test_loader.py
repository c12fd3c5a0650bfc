"""What is wrong with a policy is an error when it is loaded, with the place."""

from __future__ import annotations

import contextlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestflow.errors import ConfigurationError
from attestflow.policy.durations import parse_duration
from attestflow.policy.loader import load_policy
from attestflow.policy.registry import BUILT_IN, find_rule

GOOD = """\
apiVersion: attestflow.dev/policy/v1
name: production
version: 1
expires: "2027-01-01T00:00:00Z"
mode: enforce
absence: accepted
protects: [{models: ["fraud-*"], aliases: [production], stages: [Production]}]
rules:
  - {rule: content-attested, by: [pipeline]}
  - {rule: approved, by: [owner, boss], count: 2}
  - {rule: data-validated, by: [validation], maxAge: 12h}
"""


def test_a_good_policy() -> None:
    policy = load_policy(GOOD.encode())
    assert [use.rule for use in policy.rules] == ["content-attested", "approved", "data-validated"]
    assert policy.rules[2].parameters == {"by": ("validation",), "maxAge": timedelta(hours=12), "suites": None}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("attestflow.dev/policy/v1", "attestflow.dev/policy/v2", "apiVersion"),
        ("name: production\n", "", "name is missing"),
        ("version: 1", "version: 0", "version"),
        ("version: 1", "version: true", "version"),
        ("version: 1", 'version: "1"', "version"),
        ("2027-01-01T00:00:00Z", "2027-01-01", "expires"),
        ("mode: enforce", "mode: off-ish", "mode"),
        ("mode: enforce\n", "", "mode is missing"),
        ("absence: accepted", "absence: sealed", "sealed"),
        ("absence: accepted", "absence: ignored", "absence"),
        ("absence: accepted\n", "", "absence is missing"),
        ("name: production", "name: production\nextra: 1", 'unknown key "extra"'),
        ("rule: approved", "rule: aproved", 'no rule "aproved"'),
        ("by: [pipeline]", "by: []", r"rules\[0\].by"),
        ("by: [pipeline]", "by: pipeline", r"rules\[0\].by"),
        ("by: [pipeline]", "by: [pipeline, pipeline]", "twice"),
        ("by: [pipeline]", "by: [1]", r"rules\[0\].by\[0\]"),
        (", by: [pipeline]", "", "by is missing"),
        ("by: [pipeline]", "by: [pipeline], bye: [x]", 'unknown parameter "bye"'),
        ("count: 2", "count: 3", "can never be reached"),
        ("count: 2", "count: 0", "count"),
        ("count: 2", "count: true", "count"),
        ("maxAge: 12h", "maxAge: 12", "duration"),
        ("maxAge: 12h", "maxAge: 0d", "duration"),
        ("aliases: [production], stages: [Production]", "aliases: []", "protects nothing"),
        ('models: ["fraud-*"], ', "", "models is missing"),
    ],
)
def test_what_is_wrong_is_named(old: str, new: str, words: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigurationError, match=words):
        load_policy(GOOD.replace(old, new, 1).encode())


def test_no_rules_is_an_error() -> None:
    head = GOOD[: GOOD.index("rules:")]
    for rules in ("rules: []\n", "rules:\n", ""):
        with pytest.raises(ConfigurationError, match="rules"):
            load_policy((head + rules).encode())


@given(st.binary(max_size=300))
def test_any_bytes_are_a_policy_or_a_clear_error(data: bytes) -> None:
    with contextlib.suppress(ConfigurationError):
        load_policy(data)


@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=3))
def test_a_damaged_policy_is_a_policy_or_a_clear_error(at: int, junk: bytes) -> None:
    data = GOOD.encode()
    with contextlib.suppress(ConfigurationError):
        load_policy(data[:at] + junk + data[at + len(junk) :])


@pytest.mark.parametrize(
    ("model", "to", "guarded"),
    [
        ("fraud-eu", "alias:production", True),
        ("FRAUD-EU", "alias:Production", True),
        ("ｆｒａｕｄ-eu", "alias:ｐｒｏｄｕｃｔｉｏｎ", True),
        ("fraud-eu", "stage:PRODUCTION", True),
        ("fraud-eu", "alias:staging", False),
        ("fraud-eu", "stage:Staging", False),
        ("churn", "alias:production", False),
    ],
)
def test_what_is_guarded_is_compared_folded(model: str, to: str, guarded: bool) -> None:
    assert load_policy(GOOD.encode()).protects(model, to) is guarded


@pytest.mark.parametrize(
    ("text", "expected"), [("30d", timedelta(30)), ("12h", timedelta(hours=12)), ("90m", timedelta(minutes=90))]
)
def test_durations(text: str, expected: timedelta) -> None:
    assert parse_duration(text, "x") == expected


@pytest.mark.parametrize("text", ["", "d", "1", "1w", "-1d", "1.5d", "1d1h", "9999999d", None, 3, " 1d"])
def test_what_is_no_duration(text: object) -> None:
    with pytest.raises(ConfigurationError, match="x: .* no duration"):
        parse_duration(text, "x")


def test_every_rule_is_complete() -> None:
    for name in BUILT_IN:
        rule = find_rule(name, "here")
        assert rule.id == name
        assert rule.severity in ("high", "medium")
        assert rule.description.endswith(".")
        assert rule.remediation.endswith((".", "ALIAS"))
