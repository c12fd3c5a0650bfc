"""Test files of policies (`attestflow.dev/policy-test/v1`): what is given, and what must come out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from attestflow.clock import parse_time
from attestflow.documents import parse_yaml, shown
from attestflow.errors import ConfigurationError
from attestflow.policy.durations import parse_duration
from attestflow.policy.values import items, keys, mapping, text, texts

API_VERSION = "attestflow.dev/policy-test/v1"
STEPS = ("data", "validation", "model", "training", "bom", "approval")
_STEP_KEYS = {
    "data": {"by", "age", "name"},
    "validation": {"by", "age", "result", "suite"},
    "model": {"by", "age", "name", "files"},
    "training": {"by", "age", "metrics", "resources", "commit", "source", "seconds"},
    "bom": {"by", "age", "document"},
    "approval": {"by", "age", "decision", "owners"},
}


@dataclass(frozen=True, slots=True)
class Extra:
    """One more attestation: about the `model` or its `data`, by whom, how long ago, saying what."""

    about: Literal["model", "data"]
    by: str
    predicate_type: str
    predicate: Mapping[str, Any]
    age: timedelta


@dataclass(frozen=True, slots=True)
class Case:
    """One case. `steps` are those of an honest pipeline that happen, each with what is different about it.

    `rules` are the ids of the rules that must deny, these and no others; None leaves that open.
    """

    name: str
    passes: bool
    rules: frozenset[str] | None
    steps: Mapping[str, Mapping[str, Any]]
    extras: tuple[Extra, ...]


@dataclass(frozen=True, slots=True)
class Cases:
    """A test file: the policy that it is about (a path beside it), the time that it plays at, and its cases."""

    policy: str
    now: datetime | None
    model: str
    to: str
    cases: tuple[Case, ...]


def parse_cases(data: bytes) -> Cases:
    """Read a test file (YAML). Raises ConfigurationError with the place, such as `policy test: cases[2].expect`."""
    where = "policy test"
    document = mapping(parse_yaml(data, where, error=ConfigurationError), where)
    keys(
        document,
        {"apiVersion", "policy", "now", "for", "to", "given", "cases"},
        {"apiVersion", "policy", "cases"},
        where,
    )
    if document["apiVersion"] != API_VERSION:
        raise ConfigurationError(f"{where}: apiVersion is {shown(document['apiVersion'])}, not {API_VERSION}")
    given = mapping(document.get("given", {}), f"{where}: given")
    now = document.get("now")
    cases = tuple(
        _case(item, given, f"{where}: cases[{index}]")
        for index, item in enumerate(items(document["cases"], f"{where}: cases"))
    )
    names = [case.name for case in cases]
    if len(set(names)) != len(names):
        raise ConfigurationError(f"{where}: two cases have one name")
    return Cases(
        policy=text(document["policy"], f"{where}: policy"),
        now=None if now is None else parse_time(now, f"{where}: now", error=ConfigurationError),
        model=text(document.get("for", "models:/rehearsal"), f"{where}: for").removeprefix("models:/"),
        to=text(document.get("to", "production"), f"{where}: to"),
        cases=cases,
    )


def _case(value: object, given: Mapping[str, Any], where: str) -> Case:
    case = mapping(value, where)
    keys(case, {"name", "expect", "by", "without", "with", *STEPS}, {"name", "expect"}, where)
    expect = case["expect"]
    if expect not in ("passed", "denied"):
        raise ConfigurationError(f"{where}.expect is {shown(expect)}", hint="write passed or denied")
    if expect == "passed" and "by" in case:
        raise ConfigurationError(f"{where}.by: a verdict that passed has no rules that deny")
    keys(given, {"with", *STEPS}, set(), "policy test: given")
    without = texts(case.get("without", []), f"{where}.without", empty=True)
    for name in without:
        if name not in STEPS:
            raise ConfigurationError(f"{where}.without: there is no step {shown(name)}", hint=", ".join(STEPS))
    steps = {
        step: {**_step(given, step, "policy test: given"), **_step(case, step, where)}
        for step in STEPS
        if step not in without
    }
    extras = (*_extras(given, "policy test: given"), *_extras(case, where))
    rules = frozenset(texts(case["by"], f"{where}.by")) if "by" in case else None
    return Case(text(case["name"], f"{where}.name"), expect == "passed", rules, steps, extras)


def _step(holder: Mapping[str, Any], step: str, where: str) -> Mapping[str, Any]:
    value = mapping(holder.get(step, {}), f"{where}.{step}")
    keys(value, _STEP_KEYS[step], set(), f"{where}.{step}")
    return value


def _extras(holder: Mapping[str, Any], where: str) -> tuple[Extra, ...]:
    found = []
    for index, value in enumerate(items(holder.get("with", []), f"{where}.with", empty=True)):
        at = f"{where}.with[{index}]"
        entry = mapping(value, at)
        keys(entry, {"about", "by", "predicateType", "predicate", "age"}, {"by", "predicateType", "predicate"}, at)
        about = entry.get("about", "model")
        if about not in ("model", "data"):
            raise ConfigurationError(f"{at}.about is {shown(about)}", hint="write model or data")
        found.append(
            Extra(
                about,
                text(entry["by"], f"{at}.by"),
                text(entry["predicateType"], f"{at}.predicateType"),
                mapping(entry["predicate"], f"{at}.predicate"),
                age_of(entry, at),
            )
        )
    return tuple(found)


def age_of(holder: Mapping[str, Any], where: str) -> timedelta:
    """How long ago a step happened; just now if it does not say."""
    return parse_duration(holder["age"], f"{where}.age") if "age" in holder else timedelta(0)
