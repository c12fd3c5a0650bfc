"""The values of a policy, read strictly: each function gives a checked value or raises ConfigurationError with the place."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

from attestflow.documents import shown
from attestflow.errors import ConfigurationError
from attestflow.policy.durations import parse_duration
from attestflow.policy.schema import Attachment, Parameter, ParameterKind

MAX_COUNT = 1000

Reader = Callable[[str, str], bytes]


def read_nothing(name: str, sha256: str) -> bytes:
    """A reader where a policy's files cannot be had."""
    raise ConfigurationError(f"the policy names the file {shown(name)}, which cannot be read here")


def read_value(value: object, parameter: Parameter, where: str, read: Reader) -> Any:
    """The value of a rule's parameter; `read` gives a file's bytes by its name and the digest it must have."""
    match parameter.kind:
        case "file":
            return attachment(value, where, read)
        case "files":
            return tuple(attachment(item, f"{where}[{index}]", read) for index, item in enumerate(items(value, where)))
        case "choice":
            if value not in parameter.choices:
                raise ConfigurationError(f"{where} is {shown(value)}", hint=f"write {' or '.join(parameter.choices)}")
            return value
        case plain:
            return _PLAIN[plain](value, where)


def attachment(value: object, where: str, read: Reader) -> Attachment:
    """The file that `{file: NAME, sha256: HEX}` names, its digest checked."""
    entry = mapping(value, where)
    keys(entry, {"file", "sha256"}, {"file", "sha256"}, where)
    name, sha256 = text(entry["file"], f"{where}.file"), text(entry["sha256"], f"{where}.sha256")
    parts = name.split("/")
    if name.startswith("/") or not all(parts) or {".", ".."} & set(parts) or not name.isprintable():
        raise ConfigurationError(f"{where}.file: {shown(name)} is no path below the policy's folder")
    data = read(name, sha256)
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise ConfigurationError(
            f"{where}: {shown(name)} is sha256 {found}, and the policy says {shown(sha256)}",
            hint="if the file is meant as it is: put its digest into the policy, raise `version`, sign it",
        )
    return Attachment(name, sha256, data)


def _json(value: object, where: str) -> Any:
    return value


def _flag(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigurationError(f"{where} must be true or false")
    return value


def _number(value: object, where: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise ConfigurationError(f"{where} must be a number")
    return value


def _count(value: object, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_COUNT:
        raise ConfigurationError(f"{where} must be a whole number from 1 to {MAX_COUNT}")
    return value


def _distinct(value: object, where: str) -> tuple[str, ...]:
    found = texts(value, where)
    if len(set(found)) != len(found):
        raise ConfigurationError(f"{where} names one twice")
    return found


def _numbers(value: object, where: str) -> Mapping[str, float]:
    found = {key: _number(each, f"{where}.{key}") for key, each in mapping(value, where).items()}
    if not found:
        raise ConfigurationError(f"{where} is empty, so it asks for nothing")
    return found


def mapping(value: object, where: str) -> Mapping[str, Any]:
    """`value` as a map; ConfigurationError naming `where` otherwise, as all of these."""
    if not isinstance(value, dict):
        raise ConfigurationError(f"{where} must be a map")
    return value


def items(value: object, where: str, *, empty: bool = False) -> list[Any]:
    """`value` as a list that is not empty, unless `empty`."""
    if not isinstance(value, list) or not (value or empty):
        raise ConfigurationError(f"{where} must be a list{'' if empty else ' that is not empty'}")
    return value


def text(value: object, where: str) -> str:
    """`value` as text that is not empty."""
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{where} must be text that is not empty")
    return value


def texts(value: object, where: str, *, empty: bool = False) -> tuple[str, ...]:
    """`value` as texts, none of them empty."""
    return tuple(text(item, f"{where}[{index}]") for index, item in enumerate(items(value, where, empty=empty)))


def keys(value: Mapping[str, Any], allowed: Collection[str], required: Collection[str], where: str) -> None:
    """Refuse unknown and missing keys."""
    for key in value:
        if key not in allowed:
            raise ConfigurationError(
                f"{where}: unknown key {shown(key)}", hint=f"it may hold {', '.join(sorted(allowed))}"
            )
    for key in sorted(set(required) - value.keys()):
        raise ConfigurationError(f"{where}: {key} is missing", hint="see docs/policies.md")


_PLAIN: Mapping[ParameterKind, Callable[[object, str], Any]] = {
    "functionaries": _distinct,
    "texts": _distinct,
    "text": text,
    "duration": parse_duration,
    "count": _count,
    "number": _number,
    "numbers": _numbers,
    "flag": _flag,
    "json": _json,
}
