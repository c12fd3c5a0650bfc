"""Conditions on a predicate, each at a JSON Pointer (RFC 6901). What is not there meets no condition."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from attestflow.documents import shown
from attestflow.errors import ConfigurationError

OPERATORS = ("equals", "oneOf", "atLeast", "atMost", "matches")
MAX_TEXT = 10_000
_POINTER = re.compile(r"(/([^~/]|~[01])*)*")
_INDEX = re.compile(r"0|[1-9][0-9]{0,6}")
_MISSING = object()


def check_conditions(conditions: object, where: str) -> None:
    """ConfigurationError naming `where` unless it is None or a list of conditions, each with one operator."""
    if conditions is None:
        return
    if not isinstance(conditions, list) or not conditions:
        raise ConfigurationError(f"{where} must be a list that is not empty")
    for index, condition in enumerate(conditions):
        at = f"{where}[{index}]"
        if not isinstance(condition, dict) or not isinstance(condition.get("path"), str):
            raise ConfigurationError(f"{at} must be a map with a `path`")
        operators = condition.keys() - {"path"}
        if len(operators) != 1 or not operators <= set(OPERATORS):
            raise ConfigurationError(f"{at} must have one of {', '.join(OPERATORS)}")
        if not _POINTER.fullmatch(condition["path"]):
            raise ConfigurationError(f"{at}.path: {shown(condition['path'])} is no JSON Pointer", hint="/a/b/0")
        (operator,) = operators
        _check_operand(operator, condition[operator], f"{at}.{operator}")


def _check_operand(operator: str, operand: object, where: str) -> None:
    number = isinstance(operand, int | float) and not isinstance(operand, bool)
    good = {
        "equals": True,
        "oneOf": isinstance(operand, list) and bool(operand),
        "atLeast": number,
        "atMost": number,
        "matches": isinstance(operand, str) and bool(operand),
    }
    if not good[operator]:
        raise ConfigurationError(f"{where}: {shown(operand)} is no operand of it")


def unmet(conditions: Sequence[Mapping[str, Any]], document: Mapping[str, Any]) -> Iterator[str]:
    """For each condition that `document` does not meet, what was found and what was asked for."""
    for condition in conditions:
        value = at_pointer(document, condition["path"])
        operator = next(key for key in condition if key != "path")
        if value is _MISSING:
            yield f"{shown(condition['path'])} is not there"
        elif not _holds(operator, value, condition[operator]):
            yield f"{shown(condition['path'])} is {shown(value, 80)}, not {operator} {shown(condition[operator], 80)}"


def at_pointer(document: object, pointer: str) -> Any:
    """The value at a JSON Pointer, a value that equals nothing where there is none."""
    value: Any = document
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping) and key in value:
            value = value[key]
        elif isinstance(value, list) and _INDEX.fullmatch(key) and int(key) < len(value):
            value = value[int(key)]
        else:
            return _MISSING
    return value


def _holds(operator: str, value: Any, operand: Any) -> bool:
    if operator == "equals":
        return same(value, operand)
    if operator == "oneOf":
        return any(same(value, each) for each in operand)
    if operator == "matches":
        return isinstance(value, str) and len(value) <= MAX_TEXT and fnmatchcase(value, operand)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return bool(value >= operand) if operator == "atLeast" else bool(value <= operand)


def same(one: Any, other: Any) -> bool:
    """JSON equality: true is not 1, while 1 and 1.0 are one number."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)
