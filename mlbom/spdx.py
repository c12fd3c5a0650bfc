"""SPDX licence expressions (SPDX 3.0.1, annex "SPDX license expressions"), checked against the licence list."""

from __future__ import annotations

import re
from typing import Any

from attestflow.mlbom.description import text_problem

MAX_EXPRESSION = 2000
_OPERATORS = frozenset({"AND", "OR", "WITH"})
# What the grammar allows and the library's list cannot know: user-defined licences and "or later".
_REFERENCE = re.compile(r"(?<![^\s()])(DocumentRef-[A-Za-z0-9.\-]+:)?LicenseRef-[A-Za-z0-9.\-]+(?![^\s()])")
_OR_LATER = re.compile(r"(?<=[A-Za-z0-9])\+(?=[\s()]|$)")


def spdx_expression(text: str) -> str | None:
    """`text` without blanks at its ends if it is a valid expression with identifiers spelled as in the list, else None."""
    from cyclonedx.spdx import fixup_id, is_expression

    stripped = text.strip()
    if not stripped or text_problem(stripped, limit=MAX_EXPRESSION):
        return None
    plain = _OR_LATER.sub("", _REFERENCE.sub("MIT", stripped))
    words = re.findall(r"[^\s()]+", plain)
    spelled = all(
        word in _OPERATORS or (word.upper() not in _OPERATORS and fixup_id(word) in {word, None}) for word in words
    )
    return stripped if words and spelled and bool(is_expression(plain)) else None


def is_allowed(text: str, allowed: frozenset[str]) -> bool:
    """Whether a licence, as an SPDX expression or by its name, can be met with those of `allowed` alone.

    `OR` needs one side, `AND` both; `X WITH Y` and `X+` must be allowed as they stand. Ids are compared in any case. What
    is no valid expression is allowed only where its very text is listed.
    """
    from license_expression import ExpressionError, Licensing

    if text in allowed:
        return True
    if spdx_expression(text) is None:
        return False
    try:
        parsed = Licensing().parse(text, simple=False)
    except ExpressionError:
        return False
    return parsed is not None and _is_met(parsed, frozenset(each.casefold() for each in allowed))


def _is_met(node: Any, allowed: frozenset[str]) -> bool:
    operator = type(node).__name__
    if operator == "OR":
        return any(_is_met(each, allowed) for each in node.args)
    if operator == "AND":
        return all(_is_met(each, allowed) for each in node.args)
    return str(node).casefold() in allowed
