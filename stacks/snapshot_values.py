"""The types of the keys about snapshots. Each refuses what it cannot be, and says what to write instead."""

import re
from dataclasses import dataclass
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator

from components.tts.restore import Restore, parse
from stacks.problems import Refusal


@dataclass(frozen=True, kw_only=True)
class _Field:
    name: str
    least: int
    most: int
    words: tuple[str, ...] = ()
    """The values from `least` on, by name."""


_DAY = _Field(name="day of the month", least=1, most=31)
_MONTH = _Field(
    name="month",
    least=1,
    most=12,
    words=("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
)
_WEEKDAY = _Field(
    name="day of the week",
    least=0,
    # Sunday is both.
    most=7,
    words=("sun", "mon", "tue", "wed", "thu", "fri", "sat"),
)
_FIELDS = (
    _Field(name="minute", least=0, most=59),
    _Field(name="hour", least=0, most=23),
    _DAY,
    _MONTH,
    _WEEKDAY,
)
"""https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax"""

_MACROS = frozenset({"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"})

_ANY = frozenset("*?")
_DAYS_OF = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

_MOST_KEPT = 365

_MOST_MINUTES = 720
"""Twice as long is a day, and one that is still under way after that has failed."""


def _driver(text: str) -> str:
    # https://github.com/container-storage-interface/spec/blob/master/spec.md#getplugininfo
    if len(text) > 63 or not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", text):
        raise Refusal(
            "is not the name of a CSI driver.",
            "Write what kubectl get csidrivers calls it (ebs.csi.aws.com).",
        )
    return text


def _schedule(text: str) -> str:
    if text.strip() in _MACROS:
        return text.strip()
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise Refusal(
            f"has {len(fields)} fields, and a schedule has five.",
            'Write minute, hour, day of the month, month and day of the week ("0 2 * * *").',
        )
    chosen = [_chosen(text, field) for text, field in zip(fields, _FIELDS, strict=True)]
    _, _, days, months, _ = chosen
    # With a day of the week too, either of the two will do.
    if fields[4] in _ANY and not any(min(days) <= _DAYS_OF[month - 1] for month in months):
        raise Refusal(
            f"never comes: no such month has a day {min(days)}.", "Write a day that there is, or *."
        )
    if 7 in chosen[4]:
        # Kubernetes knows Sunday as 0 alone.
        fields[4] = ",".join(map(str, sorted({day % 7 for day in chosen[4]})))
    return " ".join(fields)


def _chosen(text: str, field: _Field) -> set[int]:
    """The values that a field stands for."""
    found = [_values(part.lower(), field) for part in text.split(",")]
    if not all(found):
        named = f" ({field.words[0].upper()}, {field.words[1].upper()}...)" if field.words else ""
        raise Refusal(
            f"has {text} for its {field.name}.",
            f'Write {field.least} to {field.most}{named}, or * ("0 2 * * *" is every day at two).',
        )
    return set().union(*found)


def _values(part: str, field: _Field) -> range:
    """Empty where it is none that cron takes."""
    match = re.fullmatch(
        r"(?:[*?]|(?P<first>\d{1,2}|[a-z]{3})(?:-(?P<last>\d{1,2}|[a-z]{3}))?)(?:/(?P<step>\d{1,2}))?", part
    )
    nothing = range(0)
    step = int(match["step"] or 1) if match else 0
    if match is None or not step:
        return nothing
    end = 6 if field is _WEEKDAY else field.most
    if match["first"] is None:
        return range(field.least, end + 1, step)
    first = _value(match["first"], field)
    # 5/10 goes on to the end; 5 alone does not.
    last = _value(match["last"], field) if match["last"] else end if match["step"] else first
    if first is None or last is None:
        return nothing
    if field is _WEEKDAY and last == 0 < first:
        last = 7
    return range(first, last + 1, step) if field.least <= first and last <= field.most else nothing


def _value(text: str, field: _Field) -> int | None:
    if text.isdigit():
        return int(text)
    return field.words.index(text) + field.least if text in field.words else None


def _time_zone(text: str) -> str:
    if text not in available_timezones():
        raise Refusal("is not a time zone.", "Write its name in the tz database (Europe/Berlin, Etc/UTC).")
    return text


def _kept(value: object) -> int:
    return _count(value, _MOST_KEPT, "Write how many are kept (7).")


def _minutes(value: object) -> int:
    return _count(value, _MOST_MINUTES, "Write for how many minutes one may take until it is ready (60).")


def _count(value: object, most: int, instead: str) -> int:
    text = str(value).strip()
    if not re.fullmatch(r"[1-9]\d{0,2}", text) or int(text) > most:
        raise Refusal(f"is not a number from 1 to {most}.", instead)
    return int(text)


def _restore(text: object) -> Restore:
    try:
        return parse(str(text))
    except ValueError:
        raise Refusal(
            "names no snapshot.",
            "Write a name that make snapshots shows, with @2, @3... for a further restore of the same one.",
        ) from None


def _handle(text: str) -> str:
    # What jq says of a handle that it does not find is no name either.
    if not text.strip() or re.search(r"\s", text) or text == "null":
        raise Refusal(
            "is not the handle of a snapshot.",
            "Write what ops snapshots list --json calls handle (snap-0123456789abcdef0), as docs/snapshots.md shows.",
        )
    return text


DriverName = Annotated[str, AfterValidator(_driver)]
Schedule = Annotated[str, AfterValidator(_schedule)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
Kept = Annotated[int, BeforeValidator(_kept)]
Minutes = Annotated[int, BeforeValidator(_minutes)]
RestoreFrom = Annotated[Restore, BeforeValidator(_restore)]
Handle = Annotated[str, AfterValidator(_handle)]
