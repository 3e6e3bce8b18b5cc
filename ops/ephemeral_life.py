"""How long a stack lives."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from ops.errors import OpsError
from stacks.ephemeral_profile import LONGEST_LIFE

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def duration(text: str) -> timedelta:
    """A time to live: 90m, 8h, 2d. Raises OpsError for one that is none, or over a week."""
    match = re.fullmatch(r"([1-9]\d{0,5})([mhd])", text)
    if match is None:
        raise OpsError(f"{text!r} is no time to live. Write minutes, hours or days: 90m, 8h, 2d.")
    found = timedelta(**{_UNITS[match[2]]: int(match[1])})
    if found > LONGEST_LIFE:
        raise OpsError(
            f"{text} is more than a week. Write 7d or less; extend prolongs it when it is still used."
        )
    return found


def ends(now: datetime, life: timedelta, present: datetime | None, *, at_least: bool) -> datetime:
    """When the stack ends: in `life` from now, and with `at_least` not before its present end."""
    wanted = now + life
    return max(wanted, present) if at_least and present is not None else wanted


def left(expires: datetime, now: datetime) -> str:
    """How long it has left, in words."""
    seconds = int((expires - now).total_seconds())
    if seconds <= 0:
        return "expired"
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
