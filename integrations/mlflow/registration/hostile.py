"""Text from a tracking server, as it may stand in a signed statement: bounded, printable, without what may be secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from attestflow.mlbom.description import text_problem

MAX_ENTRIES = 1000
MAX_NAME = 250
MAX_VALUE = 1000
_URL = re.compile(r"([a-z][a-z0-9+.-]{0,20}://)(?:[^/?#\s]*@)?([^?#\s]*)\S*", re.IGNORECASE)
# `max_tokens` and `tokenizer` are hyper-parameters; `auth_token` is none.
_SECRET = re.compile(
    r"passw|passphrase|passwd|secret|credential|api_?key|private_?key|access_?key|(auth|access|api|bearer|refresh|session|hf|id)_?token$",
    re.IGNORECASE,
)


def public_text(text: str) -> str:
    """`text` with user-info, query and fragment of each URL in it cut."""
    return _URL.sub(r"\1\2", text)


def name_of(text: str, otherwise: str) -> str:
    """`text` as a name: URLs cut, at most 250 characters; `otherwise` where it holds control characters or is empty."""
    cut = public_text(text)[:MAX_NAME]
    return otherwise if text_problem(cut) else cut


def allowed(values: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """The entries that may be signed, in name order, and how many were left out.

    Left out are names that look like those of secrets, names and texts that are too long or not printable, and whatever is
    beyond 1,000 entries.
    """
    kept: dict[str, Any] = {}
    for name in sorted(map(str, values)):
        value = values[name]
        if isinstance(value, str):
            value = public_text(value) if len(value) <= MAX_VALUE else value
            if text_problem(value, limit=MAX_VALUE, empty=True):
                continue
        if len(kept) < MAX_ENTRIES and not text_problem(name, limit=MAX_NAME) and not _SECRET.search(name):
            kept[name] = value
    return kept, len(values) - len(kept)
