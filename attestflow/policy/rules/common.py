"""What several rules share: the parameter `by`, stated times, and words for people."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from attestflow.clock import parse_time
from attestflow.digest import ContentDigest
from attestflow.documents import shown
from attestflow.errors import MalformedStatement
from attestflow.lineage import Explanation, Node
from attestflow.policy.schema import Parameter
from attestflow.predicates import reference
from attestflow.verification.verifier import VerifiedStatement

BY = Parameter("functionaries", "the functionaries of the trust root whose word counts")
MAX_AGE = Parameter("duration", "how old it may be: 30d, 12h", required=False)
_FILES_NAMED = 5


def content_attestations(node: Node | None, by: Iterable[str]) -> tuple[VerifiedStatement, ...]:
    """Content attestations of a node by one of `by`."""
    found = node.of_type(reference.PREDICATE_TYPE) if node else ()
    return tuple(item for item in found if item.functionary in set(by))


def short(content: ContentDigest | str) -> str:
    """A content digest cut for people; the whole one stands in the finding's `subject`."""
    text = str(content)
    head, _, digest = text.rpartition(":")
    return f"{head}:{digest[:12]}…"


def created_on(item: VerifiedStatement, content: ContentDigest) -> datetime | None:
    """The time that an attestation states about `content`, None where it states none that can be read."""
    for subject in item.statement.subjects:
        if subject.digest.get("sha256") == content.sha256:
            stated: Any = subject.annotations.get("createdOn")
            try:
                return parse_time(stated, "createdOn") if isinstance(stated, str) else None
            except MalformedStatement:
                return None
    return None


def age_words(age: timedelta) -> str:
    """A duration for people."""
    hours = int(age.total_seconds() // 3600)
    return f"{hours // 24} days" if hours >= 48 else f"{hours} hours"


def explained(explanation: Explanation) -> str:
    """What changed, in one line: each file with the digest attested and the one found."""
    diff = explanation.diff
    if diff is None:
        return f"the last attestation of that name was of {short(explanation.previous)}"
    parts = [
        f"file {shown(name)} was attested as sha256:{old[:12]}… and is sha256:{new[:12]}…"
        for name, old, new in diff.changed
    ]
    parts += [f"file {shown(name)} was added" for name in diff.added]
    parts += [f"file {shown(name)} was removed" for name in diff.removed]
    more = f" and {len(parts) - _FILES_NAMED} more" if len(parts) > _FILES_NAMED else ""
    return "; ".join(parts[:_FILES_NAMED]) + more
