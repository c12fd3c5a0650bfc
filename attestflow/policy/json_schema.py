"""The JSON Schema (2020-12) of policy files, for editors: completion, and mistakes underlined as they are typed.

The loader decides; the schema says nothing that the loader refuses, but knows less.
"""

from __future__ import annotations

from typing import Any

from attestflow.policy.loader import API_VERSION, OPTIONAL_KEYS, REQUIRED_KEYS
from attestflow.policy.registry import BUILT_IN, find_rule
from attestflow.policy.schema import Parameter, Rule
from attestflow.policy.values import MAX_COUNT

SCHEMA_ID = "https://attestflow.dev/schemas/policy-v1.json"
_TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
_TEXTS: dict[str, Any] = {"type": "array", "items": _TEXT, "minItems": 1, "uniqueItems": True}
_TIME: dict[str, Any] = {"type": "string", "format": "date-time", "pattern": "Z$"}
_DURATION: dict[str, Any] = {"type": "string", "pattern": "^[1-9][0-9]{0,5}(d|h|m)$"}
_MODE: dict[str, Any] = {"enum": ["enforce", "warn"]}
_FILE: dict[str, Any] = {
    "type": "object",
    "properties": {"file": _TEXT, "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"}},
    "required": ["file", "sha256"],
    "additionalProperties": False,
}
_KINDS: dict[str, dict[str, Any]] = {
    "functionaries": _TEXTS,
    "texts": _TEXTS,
    "text": _TEXT,
    "duration": _DURATION,
    "count": {"type": "integer", "minimum": 1, "maximum": MAX_COUNT},
    "number": {"type": "number"},
    "numbers": {"type": "object", "additionalProperties": {"type": "number"}, "minProperties": 1},
    "flag": {"type": "boolean"},
    "file": _FILE,
    "files": {"type": "array", "items": _FILE, "minItems": 1},
    "json": {},
}


def policy_schema() -> dict[str, Any]:
    """The schema of a policy that uses the built-in rules; rules of others are let through by their name alone."""
    properties: dict[str, Any] = {
        "apiVersion": {"const": API_VERSION},
        "name": {**_TEXT, "description": "The policy's name, as it stands in verdicts."},
        "version": {"type": "integer", "minimum": 1, "description": "Raise it with each edit; it never goes back."},
        "expires": {**_TIME, "description": "After this moment (RFC 3339, UTC) the policy denies."},
        "mode": {**_MODE, "description": "`warn` lets everything pass and says what it would have denied."},
        "absence": {"const": "accepted", "description": "A folder does not prove that nothing was taken away from it."},
        "verdictLifetime": {**_DURATION, "description": "For how long a recorded verdict may be relied on; 90d."},
        "protects": {"type": "array", "items": _protection()},
        "rules": {"type": "array", "minItems": 1, "items": {"anyOf": [*map(_rule, BUILT_IN), _rule_of_others()]}},
        "exceptions": {"type": "array", "items": _exception()},
        "breakGlass": _break_glass(),
    }
    assert properties.keys() == REQUIRED_KEYS | OPTIONAL_KEYS
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "attestflow policy",
        "type": "object",
        "properties": properties,
        "required": sorted(REQUIRED_KEYS),
        "additionalProperties": False,
    }


def _rule(name: str) -> dict[str, Any]:
    rule: Rule = find_rule(name, "schema")
    required = [key for key, parameter in rule.parameters.items() if parameter.required]
    return {
        "type": "object",
        "description": rule.description,
        "properties": {
            "rule": {"const": name, "description": rule.description},
            "mode": _MODE,
            **{key: _parameter(parameter) for key, parameter in rule.parameters.items()},
        },
        "required": ["rule", *required],
        "additionalProperties": False,
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    kind = {"enum": list(parameter.choices)} if parameter.kind == "choice" else _KINDS[parameter.kind]
    return {**kind, "description": parameter.description}


def _rule_of_others() -> dict[str, Any]:
    name = {"type": "string", "not": {"enum": list(BUILT_IN)}}
    return {"type": "object", "properties": {"rule": name, "mode": _MODE}, "required": ["rule"]}


def _protection() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"models": _TEXTS, "aliases": _TEXTS, "stages": _TEXTS},
        "required": ["models"],
        "additionalProperties": False,
    }


def _exception() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"rule": _TEXT, "subjects": _TEXTS, "models": _TEXTS, "expires": _TIME, "reason": _TEXT},
        "required": ["rule", "expires", "reason"],
        "additionalProperties": False,
    }


def _break_glass() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"by": _TEXTS, "maxLifetime": _DURATION, "never": _TEXTS},
        "required": ["by", "maxLifetime"],
        "additionalProperties": False,
    }
