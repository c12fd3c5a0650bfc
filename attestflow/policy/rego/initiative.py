"""Valint's initiative files: controls with rules, each of which uses a rule's YAML and its Rego file."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from attestflow.documents import parse_yaml, shown
from attestflow.errors import ConfigurationError
from attestflow.policy.schema import Attachment
from attestflow.predicates import ml_bom, provenance, sarif

# What Valint calls the kinds of evidence, and the predicate types that they are here.
_BODIES = {
    "slsa": provenance.PREDICATE_TYPE,
    "slsav1": provenance.PREDICATE_TYPE,
    "cyclonedx-json": ml_bom.PREDICATE_TYPE,
    "cyclonedx": ml_bom.PREDICATE_TYPE,
}
_TYPES = {"http://docs.oasis-open.org/sarif/sarif/2.1.0": sarif.PREDICATE_TYPE}
_WARNING = frozenset({"warning", "note", "none"})
_LEVELS = frozenset({"error", *_WARNING})
# How a rule selects its evidence: the first are looked at, the second say what everything here has (a signature, our
# subject). By anything else, such as labels, evidence cannot be told apart here, so a rule that asks for it is refused.
_SELECTORS = frozenset({"predicate_type", "content_body_type", "tool"})
_GIVEN = frozenset({"signed", "filter-by", "target_type", "asset_type", "asset_platform"})


@dataclass(frozen=True, slots=True)
class Control:
    """One rule of a control: what it is called, its Rego, its arguments, its evidence's predicate type, its level.

    `tool` is the tool that a SARIF report must be of, empty where any will do.
    """

    name: str
    module: Attachment
    args: Mapping[str, Any]
    predicate_type: str
    level: Literal["error", "warning"]
    tool: str = ""


def load_initiative(initiative: Attachment, files: Sequence[Attachment], where: str) -> tuple[Control, ...]:
    """The rules of an initiative, from the files that a policy names. Raises ConfigurationError.

    Refused: a rule whose files are not among `files`, or are there twice, arguments that take something from the environment,
    evidence of a kind that has no predicate type here or that is selected by what is not known here, and a control without
    rules.
    """
    document = _yaml(initiative)
    if document.get("config-type") != "initiative":
        raise ConfigurationError(f"{where}: {shown(initiative.name)} is no initiative")
    defaults = _map(document, "defaults")
    known = {each.name: each for each in files}
    found = tuple(_controls(document, defaults, known, f"{where}: {shown(initiative.name)}"))
    if not found:
        raise ConfigurationError(f"{where}: {shown(initiative.name)} holds no rule, so it asks for nothing")
    return found


def _controls(
    document: Mapping[str, Any], defaults: Mapping[str, Any], known: Mapping[str, Attachment], where: str
) -> Iterator[Control]:
    for control in _maps(document, "controls"):
        uses = _maps(control, "rules")
        if not uses:
            raise ConfigurationError(f"{where}: a control without rules asks for nothing")
        for use in uses:
            name = f"{control.get('id') or control.get('name')}/{use.get('id') or use.get('name') or use.get('uses')}"
            yield _rule(name, use, defaults, known, where)


def _rule(
    name: str, use: Mapping[str, Any], defaults: Mapping[str, Any], known: Mapping[str, Attachment], where: str
) -> Control:
    stem = str(use.get("uses", "")).partition("@")[0]
    described = [each for path, each in known.items() if path == f"{stem}.yaml" or path.endswith(f"/{stem}.yaml")]
    if not stem or len(described) != 1:
        problem = f"is named {len(described)} times" if described else "is not named"
        raise ConfigurationError(f"{where}: the file {shown(f'{stem}.yaml')} of {shown(name)} {problem} in the policy")
    rule = _yaml(described[0])
    path = posixpath.normpath(posixpath.join(posixpath.dirname(described[0].name), str(rule.get("path"))))
    module = known.get(path)
    if module is None:
        raise ConfigurationError(f"{where}: the file {shown(path)} of {shown(name)} is not named in the policy")
    evidence = {**_map(defaults, "evidence"), **_map(rule, "evidence"), **_map(use, "evidence")}
    args = {**_map(rule, "with"), **_map(use, "with")}
    if "{{" in str(args):
        raise ConfigurationError(f"{where}: the arguments of {shown(name)} come from surroundings that are not here")
    level = str(use.get("level") or rule.get("level") or "error")
    if level not in _LEVELS:
        raise ConfigurationError(f"{where}: the level of {shown(name)} is {shown(level)}")
    kind = _predicate_type(evidence, name, where)
    tool = _tool(evidence, kind, name, where)
    return Control(name, module, args, kind, "warning" if level in _WARNING else "error", tool)


def _tool(evidence: Mapping[str, Any], kind: str, name: str, where: str) -> str:
    """The tool that made the evidence, and nothing else that evidence would be selected by."""
    tool = str(evidence.get("tool") or "").strip()
    odd = sorted(evidence.keys() - _SELECTORS - _GIVEN) + (["tool"] if tool and kind != sarif.PREDICATE_TYPE else [])
    if "{{" in str(evidence) or odd:
        by = shown(odd[0]) if odd else "what is computed"
        raise ConfigurationError(f"{where}: {shown(name)} selects its evidence by {by}, which is not known here")
    return tool


def _predicate_type(evidence: Mapping[str, Any], name: str, where: str) -> str:
    stated = str(evidence.get("predicate_type") or "").strip()
    if stated:
        return _TYPES.get(stated, stated)
    body = str(evidence.get("content_body_type") or "").strip()
    if body not in _BODIES:
        raise ConfigurationError(
            f"{where}: {shown(name)} asks for evidence of the kind {shown(body)}, which is not known here"
        )
    return _BODIES[body]


def _yaml(file: Attachment) -> Mapping[str, Any]:
    value = parse_yaml(file.data, file.name, error=ConfigurationError)
    if not isinstance(value, dict):
        raise ConfigurationError(f"{shown(file.name)} is no map")
    return value


def _map(holder: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = holder.get(key)
    return value if isinstance(value, Mapping) else {}


def _maps(holder: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    value = holder.get(key)
    if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
        raise ConfigurationError(f"{shown(key)} is no list of maps")
    return value
