"""The types of the keys about snapshots. Each refuses what it cannot be, and says what to write instead."""

import re
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator

from components.tts.restore import Restore, parse
from stacks.problems import Refusal

_FIELDS = (
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of the month", 1, 31),
    ("month", 1, 12),
    ("day of the week", 0, 6),
)
"""https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax"""

_MOST_KEPT = 365


def _driver(text: str) -> str:
    # https://github.com/container-storage-interface/spec/blob/master/spec.md#getplugininfo
    if len(text) > 63 or not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", text):
        raise Refusal(
            "is not the name of a CSI driver.",
            "Write what kubectl get csidrivers calls it (ebs.csi.aws.com).",
        )
    return text


def _schedule(text: str) -> str:
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise Refusal(
            f"has {len(fields)} fields, and a schedule has five.",
            'Write minute, hour, day of the month, month and day of the week ("0 2 * * *").',
        )
    for field, (name, least, most) in zip(fields, _FIELDS, strict=True):
        if not all(_fits(part, least, most) for part in field.split(",")):
            raise Refusal(
                f"has {field} for its {name}.",
                f'Write {least} to {most}, or * ("0 2 * * *" is every day at two).',
            )
    return " ".join(fields)


def _fits(part: str, least: int, most: int) -> bool:
    match = re.fullmatch(r"(?:\*|(?P<first>\d{1,2})(?:-(?P<last>\d{1,2}))?)(?:/(?P<step>\d{1,2}))?", part)
    if match is None or match["step"] in ("0", "00"):
        return False
    first = int(match["first"] or least)
    last = int(match["last"] or first)
    return least <= first <= last <= most


def _time_zone(text: str) -> str:
    if text not in available_timezones():
        raise Refusal("is not a time zone.", "Write its name in the tz database (Europe/Berlin, Etc/UTC).")
    return text


def _kept(value: object) -> int:
    text = str(value).strip()
    if not re.fullmatch(r"[1-9]\d{0,2}", text) or int(text) > _MOST_KEPT:
        raise Refusal(f"is not a number from 1 to {_MOST_KEPT}.", "Write how many are kept (7).")
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
    if not text.strip() or re.search(r"\s", text):
        raise Refusal(
            "is not the handle of a snapshot.",
            "Write what python -m ops snapshots list --json calls handle (snap-0123456789abcdef0).",
        )
    return text


DriverName = Annotated[str, AfterValidator(_driver)]
Schedule = Annotated[str, AfterValidator(_schedule)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
Kept = Annotated[int, BeforeValidator(_kept)]
RestoreFrom = Annotated[Restore, BeforeValidator(_restore)]
Handle = Annotated[str, AfterValidator(_handle)]
