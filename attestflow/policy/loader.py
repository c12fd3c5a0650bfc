"""A policy from its bytes. Whatever would be skipped silently later is an error here."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

from attestflow.clock import parse_time
from attestflow.digest import ContentDigest
from attestflow.documents import parse_yaml, shown
from attestflow.errors import ConfigurationError
from attestflow.policy.durations import parse_duration
from attestflow.policy.registry import find_rule
from attestflow.policy.schema import (
    Attachment,
    BreakGlass,
    Policy,
    PolicyException,
    Protection,
    RuleUse,
)
from attestflow.policy.values import Reader, items, keys, mapping, read_nothing, read_value, text, texts

API_VERSION = "attestflow.dev/policy/v1"
REQUIRED_KEYS = frozenset({"apiVersion", "name", "version", "expires", "mode", "absence", "rules"})
OPTIONAL_KEYS = frozenset({"protects", "verdictLifetime", "exceptions", "breakGlass"})
MAX_BREAK_GLASS = timedelta(hours=72)
MIN_REASON = 10


def load_policy(data: bytes, read: Reader = read_nothing) -> Policy:
    """Read a policy (YAML). Raises ConfigurationError with the place, such as `policy: rules[3].by`.

    `read` gives the bytes of files that the policy names, by name and SHA-256. Refused: unknown or missing keys, unknown rules
    and parameters, no rules, no rule that can deny, `absence` not stated, a count that its functionaries cannot reach, a
    file that has another digest.
    """
    document = mapping(parse_yaml(data, "policy", error=ConfigurationError), "policy")
    keys(document, REQUIRED_KEYS | OPTIONAL_KEYS, REQUIRED_KEYS, "policy")
    if document["apiVersion"] != API_VERSION:
        raise ConfigurationError(f"policy: apiVersion is {shown(document['apiVersion'])}, not {API_VERSION}")
    version = document["version"]
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ConfigurationError("policy: version must be a whole number from 1")
    if document["mode"] not in ("enforce", "warn"):
        raise ConfigurationError(f"policy: mode is {shown(document['mode'])}", hint="write enforce or warn")
    rules = tuple(
        _rule(item, f"policy: rules[{index}]", read)
        for index, item in enumerate(items(document["rules"], "policy: rules"))
    )
    if document["mode"] == "enforce" and all(use.mode == "warn" for use in rules):
        raise ConfigurationError("policy: every rule is in mode warn, so it can never deny", hint="write `mode: warn`")
    return Policy(
        name=text(document["name"], "policy: name"),
        version=version,
        expires=parse_time(document["expires"], "policy: expires", error=ConfigurationError),
        absence=_absence(document["absence"]),
        mode=document["mode"],
        protections=tuple(
            _protection(item, f"policy: protects[{index}]")
            for index, item in enumerate(items(document.get("protects", []), "policy: protects", empty=True))
        ),
        rules=rules,
        sha256=hashlib.sha256(data).hexdigest(),
        verdict_lifetime=parse_duration(document.get("verdictLifetime", "90d"), "policy: verdictLifetime"),
        exceptions=tuple(
            _exception(item, f"policy: exceptions[{index}]", rules)
            for index, item in enumerate(items(document.get("exceptions", []), "policy: exceptions", empty=True))
        ),
        break_glass=_break_glass(document["breakGlass"], rules) if "breakGlass" in document else None,
        attachments=_attachments(rules),
        source=data,
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
    entry = mapping(value, where)
    keys(entry, {"models", "aliases", "stages"}, {"models"}, where)
    protection = Protection(
        models=texts(entry["models"], f"{where}.models"),
        aliases=texts(entry.get("aliases", []), f"{where}.aliases", empty=True),
        stages=texts(entry.get("stages", []), f"{where}.stages", empty=True),
    )
    if not protection.aliases and not protection.stages:
        raise ConfigurationError(f"{where} names neither aliases nor stages, so it protects nothing")
    return protection


def _exception(value: object, where: str, rules: tuple[RuleUse, ...]) -> PolicyException:
    entry = mapping(value, where)
    keys(entry, {"rule", "subjects", "models", "expires", "reason"}, {"rule", "expires", "reason"}, where)
    subjects = texts(entry.get("subjects", []), f"{where}.subjects", empty=True)
    models = texts(entry.get("models", []), f"{where}.models", empty=True)
    if not subjects and not models:
        raise ConfigurationError(f"{where} names neither subjects nor models", hint="say for what the rule is waived")
    return PolicyException(
        rule=_used(entry["rule"], f"{where}.rule", rules),
        subjects=tuple(str(ContentDigest.parse(each)) for each in subjects),
        models=models,
        expires=parse_time(entry["expires"], f"{where}.expires", error=ConfigurationError),
        reason=_reason(entry["reason"], f"{where}.reason"),
    )


def _break_glass(value: object, rules: tuple[RuleUse, ...]) -> BreakGlass:
    where = "policy: breakGlass"
    entry = mapping(value, where)
    keys(entry, {"by", "maxLifetime", "never"}, {"by", "maxLifetime"}, where)
    lifetime = parse_duration(entry["maxLifetime"], f"{where}.maxLifetime")
    if lifetime > MAX_BREAK_GLASS:
        raise ConfigurationError(f"{where}.maxLifetime is longer than 72h", hint="what lasts longer is an exception")
    never = texts(entry.get("never", []), f"{where}.never", empty=True)
    return BreakGlass(
        by=texts(entry["by"], f"{where}.by"),
        max_lifetime=lifetime,
        never=tuple(_used(name, f"{where}.never[{index}]", rules) for index, name in enumerate(never)),
    )


def _used(value: object, where: str, rules: tuple[RuleUse, ...]) -> str:
    name = text(value, where)
    if name not in {use.rule for use in rules}:
        raise ConfigurationError(f"{where}: {shown(name)} is no rule of this policy")
    return name


def _reason(value: object, where: str) -> str:
    reason = text(value, where)
    if len(reason.strip()) < MIN_REASON:
        raise ConfigurationError(f"{where} says too little: {shown(reason)}", hint="say why, and who decided it")
    return reason


def _attachments(rules: tuple[RuleUse, ...]) -> tuple[Attachment, ...]:
    found: dict[str, Attachment] = {}
    for use in rules:
        for value in use.parameters.values():
            for each in value if isinstance(value, tuple) else (value,):
                if isinstance(each, Attachment):
                    found[each.sha256] = each
    return tuple(found[sha256] for sha256 in sorted(found))


def _rule(value: object, where: str, read: Reader) -> RuleUse:
    entry = dict(mapping(value, where))
    name = text(entry.pop("rule", None), f"{where}.rule")
    mode = entry.pop("mode", "enforce")
    if mode not in ("enforce", "warn"):
        raise ConfigurationError(f"{where}.mode is {shown(mode)}", hint="write enforce or warn")
    rule = find_rule(name, where)
    unknown = sorted(entry.keys() - rule.parameters.keys())
    if unknown:
        allowed = ", ".join(rule.parameters) or "none"
        raise ConfigurationError(f"{where} ({name}): unknown parameter {shown(unknown[0])}", hint=f"it takes {allowed}")
    values: dict[str, Any] = {}
    for key, parameter in rule.parameters.items():
        if key in entry:
            values[key] = read_value(entry[key], parameter, f"{where}.{key}", read)
        elif parameter.required:
            raise ConfigurationError(f"{where} ({name}): {key} is missing", hint=parameter.description)
        else:
            values[key] = parameter.default
    by, count = values.get("by"), values.get("count")
    if isinstance(by, tuple) and isinstance(count, int) and count > len(by):
        raise ConfigurationError(f"{where} ({name}): {count} of {len(by)} can never be reached", hint="lower `count`")
    if (validate := getattr(rule, "validate", None)) is not None:
        validate(values, f"{where} ({name})")
    return RuleUse(name, values, mode)
