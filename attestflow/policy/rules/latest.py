"""The newest word on something: what decides where several attestations say different things at different times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from attestflow.digest import ContentDigest
from attestflow.policy.rules.common import age_words, created_on
from attestflow.policy.schema import Context
from attestflow.verification.verifier import VerifiedStatement


@dataclass(frozen=True, slots=True)
class Latest:
    """The attestations of the newest second, and when that was (as their signers state it)."""

    items: tuple[VerifiedStatement, ...]
    time: datetime

    @property
    def evidence(self) -> tuple[str, ...]:
        """Their identities."""
        return tuple(item.identity for item in self.items)

    @property
    def by(self) -> str:
        """Who signed them."""
        return ", ".join(sorted({item.functionary for item in self.items}))


def latest(
    found: Sequence[VerifiedStatement], content: ContentDigest, context: Context, max_age: timedelta | None, what: str
) -> Latest | str:
    """The newest of `found` (not empty) about `content`, or why none can be relied on; `what` names it for people.

    All of them must state a time that is not in the future: one without could be the newest.
    """
    dated = [(created_on(item, content), item) for item in found]
    if any(moment is None or context.is_future(moment) for moment, _ in dated):
        return f"{what} states no time, or one in the future"
    newest = max(moment for moment, _ in dated if moment is not None)
    if max_age is not None and context.now - newest > max_age:
        return f"{what} is {age_words(context.now - newest)} old, more than {age_words(max_age)}"
    return Latest(tuple(item for moment, item in dated if moment == newest), newest)
