"""A policy from its bytes. Whatever would be skipped silently later is an error here."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from attestflow.clock import parse_time
from attestflow.documents import parse_yaml, shown
from attestflow.errors import ConfigurationError
from attestflow.policy.durations import parse_duration
from attestflow.policy.registry import find_rule
from attestflow.policy.schema import Parameter, Policy, Protection, RuleUse

API_VERSION = "attestflow.dev/policy/v1"
_KEYS = {"apiVersion", "name", "version", "expires", "mode", "absence", "protects", "rules", "verdictLifetime"}
MAX_COUNT = 1000


def load_policy(data: bytes) -> Policy:
    """Read a policy (YAML). Raises ConfigurationError with the place, such as `policy: rules[3].by`.

    Refused: unknown or missing keys, unknown rules and parameters, no rules, `absence` not stated, a count that its
    functionaries cannot reach.
    """
    document = _mapping(parse_yaml(data, "policy", error=ConfigurationError), "policy")
    _keys(document, _KEYS, _KEYS - {"protects", "verdictLifetime"}, "policy")
    if document["apiVersion"] != API_VERSION:
        raise ConfigurationError(f"policy: apiVersion is {shown(document['apiVersion'])}, not {API_VERSION}")
    version = document["version"]
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ConfigurationError("policy: version must be a whole number from 1")
    if document["mode"] not in ("enforce", "warn"):
        raise ConfigurationError(f"policy: mode is {shown(document['mode'])}", hint="write enforce or warn")
    rules = _list(document["rules"], "policy: rules")
    return Policy(
        name=_text(document["name"], "policy: name"),
        version=version,
        expires=parse_time(document["expires"], "policy: expires", error=ConfigurationError),
        absence=_absence(document["absence"]),
        mode=document["mode"],
        protections=tuple(
            _protection(item, f"policy: protects[{index}]")
            for index, item in enumerate(_list(document.get("protects", []), "policy: protects", empty=True))
        ),
        rules=tuple(_rule(item, f"policy: rules[{index}]") for index, item in enumerate(rules)),
        sha256=hashlib.sha256(data).hexdigest(),
        verdict_lifetime=parse_duration(document.get("verdictLifetime", "90d"), "policy: verdictLifetime"),
    )


def _absence(value: object) -> Any:
    if value == "sealed":
        raise ConfigurationError(
            "policy: absence is sealed, but this version cannot check a sealed store",
            hint="write `absence: accepted`, and know that a folder does not prove that nothing was taken away",
        )
    if value != "accepted":
        raise ConfigurationError(f"policy: absence is {shown(value)}", hint="write `absence: accepted`")
    return "accepted"


def _protection(value: object, where: str) -> Protection:
    entry = _mapping(value, where)
    _keys(entry, {"models", "aliases", "stages"}, {"models"}, where)
    protection = Protection(
        models=_texts(entry["models"], f"{where}.models"),
        aliases=_texts(entry.get("aliases", []), f"{where}.aliases", empty=True),
        stages=_texts(entry.get("stages", []), f"{where}.stages", empty=True),
    )
    if not protection.aliases and not protection.stages:
        raise ConfigurationError(f"{where} names neither aliases nor stages, so it protects nothing")
    return protection


def _rule(value: object, where: str) -> RuleUse:
    entry = dict(_mapping(value, where))
    name = _text(entry.pop("rule", None), f"{where}.rule")
    rule = find_rule(name, where)
    unknown = sorted(entry.keys() - rule.parameters.keys())
    if unknown:
        allowed = ", ".join(rule.parameters) or "none"
        raise ConfigurationError(f"{where} ({name}): unknown parameter {shown(unknown[0])}", hint=f"it takes {allowed}")
    values: dict[str, Any] = {}
    for key, parameter in rule.parameters.items():
        if key in entry:
            values[key] = _value(entry[key], parameter, f"{where}.{key}")
        elif parameter.required:
            raise ConfigurationError(f"{where} ({name}): {key} is missing", hint=parameter.description)
        else:
            values[key] = parameter.default
    by, count = values.get("by"), values.get("count")
    if isinstance(by, tuple) and isinstance(count, int) and count > len(by):
        raise ConfigurationError(f"{where} ({name}): {count} of {len(by)} can never be reached", hint="lower `count`")
    return RuleUse(name, values)


def _value(value: object, parameter: Parameter, where: str) -> Any:
    match parameter.kind:
        case "functionaries" | "texts":
            found = _texts(value, where)
            if len(set(found)) != len(found):
                raise ConfigurationError(f"{where} names one twice")
            return found
        case "duration":
            return parse_duration(value, where)
        case "count":
            if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_COUNT:
                raise ConfigurationError(f"{where} must be a whole number from 1 to {MAX_COUNT}")
            return value
        case "choice":
            if value not in parameter.choices:
                raise ConfigurationError(f"{where} is {shown(value)}", hint=f"write {' or '.join(parameter.choices)}")
            return value
        case "text":
            return _text(value, where)


def _mapping(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ConfigurationError(f"{where} must be a map")
    return value


def _list(value: object, where: str, *, empty: bool = False) -> list[Any]:
    if not isinstance(value, list) or not (value or empty):
        raise ConfigurationError(f"{where} must be a list{'' if empty else ' that is not empty'}")
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{where} must be text that is not empty")
    return value


def _texts(value: object, where: str, *, empty: bool = False) -> tuple[str, ...]:
    return tuple(_text(item, f"{where}[{index}]") for index, item in enumerate(_list(value, where, empty=empty)))


def _keys(value: Mapping[str, Any], allowed: set[str], required: set[str], where: str) -> None:
    for key in value:
        if key not in allowed:
            raise ConfigurationError(
                f"{where}: unknown key {shown(key)}", hint=f"it may hold {', '.join(sorted(allowed))}"
            )
    for key in sorted(required - value.keys()):
        raise ConfigurationError(f"{where}: {key} is missing", hint="see docs/policies.md")
