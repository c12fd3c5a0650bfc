"""Durations as policies write them: `30d`, `12h`, `90m`."""

from __future__ import annotations

import re
from datetime import timedelta

from attestflow.documents import shown
from attestflow.errors import ConfigurationError

_DURATION = re.compile(r"([1-9][0-9]{0,5})(d|h|m)")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


def parse_duration(text: object, where: str) -> timedelta:
    """Days, hours or minutes; ConfigurationError naming `where` for anything else, zero included."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ConfigurationError(f"{where}: {shown(text)} is no duration", hint="write 30d, 12h or 90m")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
