"""Evaluating Rego for a rule: one child a decision, the lineage handed over once."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from weakref import WeakKeyDictionary

from attestflow.errors import ConfigurationError
from attestflow.lineage import Lineage
from attestflow.policy.rego import opa
from attestflow.policy.rego.document import document
from attestflow.policy.rego.process import Child, RegoFailed
from attestflow.policy.schema import Attachment, Context

QUERY = re.compile(r"data(\.[A-Za-z_][A-Za-z0-9_]{0,99}){1,20}")
TIMEOUT = timedelta(seconds=5)
_children: WeakKeyDictionary[Lineage, Child] = WeakKeyDictionary()
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Question:
    """Modules in Rego, the version that they are in, and the query (`data.a.b`) whose value is asked for."""

    modules: tuple[Attachment, ...]
    query: str
    version: str
    seconds: float
    snapshots: Sequence[dict[str, Any]] = ()


def check_query(query: str, where: str) -> None:
    """ConfigurationError for a query that is more than the path of a rule."""
    if not QUERY.fullmatch(query):
        raise ConfigurationError(f"{where}: {query!r} is no path of a rule", hint="data.attestflow.deny")


def ask(question: Question, lineage: Lineage, context: Context, own_input: Any = None) -> tuple[bool, Any]:
    """(True, value) or (False, None) where the query is undefined, over the lineage, or over `own_input` where that is given.

    Raises RegoFailed where the policy does not compile, fails, or gives no answer within its bounds.
    """
    asked = {
        "modules": [(each.name, each.data.decode("utf-8", "strict")) for each in question.modules],
        "query": question.query,
        "version": question.version,
        "snapshots": list(question.snapshots),
        "now_ns": int(context.now.timestamp()) * 1_000_000_000,
    }
    if context.opa is not None:
        text = _exact(document(lineage, context) if own_input is None else own_input)
        answer = opa.answer(context.opa, asked, text, question.seconds)
    else:
        answer = _ask_child(asked, lineage, context, own_input, question.seconds)
    if "error" in answer:
        raise RegoFailed(str(answer["error"]))
    return "value" in answer, answer.get("value")


def _ask_child(
    asked: dict[str, Any], lineage: Lineage, context: Context, own_input: Any, seconds: float
) -> dict[str, Any]:
    child = _child(lineage)
    text = None
    if own_input is None and child.handed != (stated := _stated(context)):
        text, child.handed = _exact(document(lineage, context)), stated
    own = None if own_input is None else _exact(own_input)
    return child.ask({**asked, "input": text, "own_input": own}, seconds)


def _stated(context: Context) -> tuple[Any, ...]:
    """What of the context stands in the document: over one lineage, another time or transition is another document."""
    names = (context.policy_name, context.policy_sha256)
    return (context.now, context.transition, context.production, *names, context.trust_root)


def _exact(value: Any) -> str:
    """`value` as JSON; RegoFailed where it holds a whole number that Rego's engine would round (beyond 64 bits)."""
    text = json.dumps(value)
    json.loads(text, parse_int=_bounded)
    return text


def _bounded(digits: str) -> None:
    if len(digits) > 18 and not -(2**63) <= int(digits) < 2**64:
        raise RegoFailed(f"the evidence holds the number {digits[:40]}, which Rego would round")


def _child(lineage: Lineage) -> Child:
    """The child of this decision; a new one where it died on an earlier question."""
    with _lock:
        child = _children.get(lineage)
        if child is None or not child.alive:
            child = _children[lineage] = Child()
        return child
