"""Which snapshots go once there is a newer good one.

Never the newest good one, never a pinned one, never a good one that somebody asked for or that an upgrade began with,
never one that a volume is being restored from, and none at all of another stack.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from components.tts.snapshot_job.names import Object, Reason, SnapshotSet, State, sets

REASON_KEPT: Final = timedelta(days=1)
"""For so long, a failed one that no schedule took says why to whoever asked for it."""


def to_delete(
    snapshots: Iterable[Object], claims: Iterable[Object], *, stack: str, kept: int, now: datetime
) -> list[SnapshotSet]:
    """What goes of a stack's, oldest first; `snapshots` and `claims` are all that the namespace has."""
    found = sets(snapshots, stack)
    used = sources(claims)
    good = [one for one in found if one.state(now) is State.GOOD]
    if not good:
        return []
    counted = [one for one in good if one.reason == Reason.SCHEDULED and not one.pinned]
    stay = {one.name for one in (*counted[:kept], good[0])}
    return [
        one
        for one in reversed(found)
        if one.name not in stay
        and not one.pinned
        and not used & _object_names(one)
        and _is_over(one, good[0], now)
    ]


def sources(claims: Iterable[Object]) -> set[str]:
    """VolumeSnapshots that claims are being restored from."""
    found: set[str] = set()
    for claim in claims:
        if (claim.get("status") or {}).get("phase") == "Bound":
            continue
        spec = claim.get("spec") or {}
        found |= {
            source["name"]
            for source in (spec.get("dataSource"), spec.get("dataSourceRef"))
            if source and source.get("kind") == "VolumeSnapshot"
        }
    return found


def _is_over(one: SnapshotSet, newest: SnapshotSet, now: datetime) -> bool:
    match one.state(now):
        case State.GOOD:
            return one.reason == Reason.SCHEDULED
        case State.FAILED:
            known = one.reason == Reason.SCHEDULED or now - one.taken > REASON_KEPT
            return known and one.taken < newest.taken
        case State.UNDER_WAY:
            return False


def _object_names(one: SnapshotSet) -> set[str]:
    return {item["metadata"]["name"] for item in one.objects.values()}
