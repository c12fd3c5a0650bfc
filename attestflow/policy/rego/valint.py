"""Policies written for Scribe's Valint: their input and their answer, over our evidence.

A policy sees `input.evidence`, one in-toto statement, and `input.config.args`; its answer is the object `data.verify.verify`,
and only `allow: true` without errors in it passes. The package `data.scribe` that such policies import is ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attestflow.documents import shown
from attestflow.lineage import Lineage
from attestflow.policy.rego.evaluate import Question, ask
from attestflow.policy.schema import Attachment, Context
from attestflow.predicates import ml_bom, sarif
from attestflow.statement import STATEMENT_TYPE
from attestflow.verification.verifier import VerifiedStatement

QUERY = "data.verify.verify"
DETAILS = 5
_LIBRARIES = (
    (
        "scribe.rego",
        """package scribe

get_asset_data(evidence) = v {
  subject := evidence.subject[0]
  v := {"type": "subject", "name": object.get(subject, "name", ""), "digest": object.get(subject, "digest", {})}
}
""",
    ),
    ("superset.rego", "package superset.policy\n\nloaded = true\n"),
)


def problems(
    module: Attachment, args: Any, item: VerifiedStatement, lineage: Lineage, context: Context, seconds: float
) -> Iterator[str]:
    """What a policy says against one verified statement; nothing where it allows. Raises RegoFailed."""
    libraries = tuple(Attachment(name, "", source.encode()) for name, source in _LIBRARIES)
    question = Question((module, *libraries), QUERY, "v0", seconds)
    own = {"evidence": evidence(item), "config": {"args": {} if args is None else args}}
    defined, value = ask(question, lineage, context, own)
    if not defined or not isinstance(value, Mapping):
        yield f"{QUERY} is {'undefined' if not defined else 'no object'}, which is no yes"
    elif value.get("allow") is not True or _failed(value):
        yield _reason(value)


def evidence(item: VerifiedStatement) -> dict[str, Any]:
    """A statement as such policies expect it: a BOM stands in `predicate.bom` too, SARIF in `predicate.content`."""
    statement = item.statement
    predicate = dict(statement.predicate)
    if statement.predicate_type == ml_bom.PREDICATE_TYPE:
        predicate = {**predicate, "bom": statement.predicate}
    elif statement.predicate_type == sarif.PREDICATE_TYPE:
        predicate = {**predicate, "content": predicate["report"]}
    return {
        "_type": STATEMENT_TYPE,
        "subject": [each.to_json() for each in statement.subjects],
        "predicateType": statement.predicate_type,
        "predicate": predicate,
    }


def _failed(value: Mapping[str, Any]) -> bool:
    """Whether an answer that allows says of itself that it could not be made, or does not allow in its summary."""
    rows = _summary(value)
    return any(each.get("errors") for each in (value, *rows)) or any(row.get("allow", True) is not True for row in rows)


def _summary(value: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    rows = value.get("summary")
    return [each for each in rows if isinstance(each, Mapping)] if isinstance(rows, list) else []


def _reason(value: Mapping[str, Any]) -> str:
    rows = _summary(value)
    errors = [shown(each["errors"], 200)[1:-1] for each in (value, *rows) if each.get("errors")]
    if errors:
        return f"it could not decide: {errors[0]}"
    reasons = [str(each["reason"]) for each in rows if each.get("reason")]
    violation = value.get("violation")
    details = violation.get("details") if isinstance(violation, Mapping) else None
    found = [shown(each, 120) for each in details[:DETAILS]] if isinstance(details, list) else []
    return "; ".join([*(shown(each, 200)[1:-1] for each in reasons[:1]), *found]) or "it does not allow it"
