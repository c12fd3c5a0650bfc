"""Time as it stands in statements: RFC 3339, UTC, suffix Z. Whoever decides by time takes its clock as an argument."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from attestflow.errors import AttestflowError, MalformedStatement

_TIMESTAMP = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,9})?Z")


def utc_now() -> datetime:
    """The machine's time, aware, UTC."""
    return datetime.now(UTC)


def parse_time(text: object, what: str = "time", *, error: type[AttestflowError] = MalformedStatement) -> datetime:
    """The moment that an in-toto Timestamp names (RFC 3339 with suffix Z), aware, UTC, cut to microseconds.

    Raises `error` naming `what` for anything else: another offset, no offset, a leap second, a date that does not exist.
    """
    match = _TIMESTAMP.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise error(f"{what}: {_shown(text)} is no RFC 3339 time in UTC, like 2026-01-31T12:00:00Z")
    fraction = (match[2] or ".0")[1:7].ljust(6, "0")
    try:
        moment = datetime.strptime(f"{match[1]}.{fraction}", "%Y-%m-%dT%H:%M:%S.%f")
    except ValueError:
        raise error(f"{what}: {_shown(text)} names no moment") from None
    return moment.replace(tzinfo=UTC)


def format_time(moment: datetime) -> str:
    """`moment` to the second below it, as RFC 3339 in UTC with suffix Z; raises ValueError for a naive datetime."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone names no moment")
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def _shown(value: object) -> str:
    return ascii(value if isinstance(value, str) else type(value).__name__)[:60]
