"""Snapshots as a table for people, and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from rich.markup import escape
from rich.table import Table

from components.tts.snapshot_job import names
from components.tts.snapshot_job.names import SnapshotSet, State
from components.tts.snapshot_job.quantity import amount
from ops.release import short
from ops.snapshot_cluster import age
from ops.snapshot_restore import restore_size


def table(stack: str, snapshots: Sequence[SnapshotSet], now: datetime) -> Table:
    """One row a snapshot."""
    made = Table(title=f"Snapshots of stack {stack}")
    # A name is there to be copied: never cut off.
    made.add_column("name", min_width=max(len(item.name) for item in snapshots))
    for heading in ("taken", "size", "reason", "image", "ready", "pinned", "volumes"):
        made.add_column(heading, overflow="fold")
    for item in snapshots:
        made.add_row(*(escape(cell) for cell in _cells(item, now)))
    return made


def _cells(item: SnapshotSet, now: datetime) -> tuple[str, ...]:
    state = item.state(now)
    ready = {State.GOOD: "yes", State.FAILED: f"failed: {item.problem(now)}"}.get(state, "under way")
    return (
        item.name,
        f"{item.taken:%Y-%m-%d %H:%M} UTC, {age(item.taken, now)} ago",
        _size(item),
        item.reason + (f": {item.why}" if item.why else ""),
        _image(item),
        ready,
        "yes" if item.pinned else "",
        ", ".join(item.volumes),
    )


def last_good(stack: str, snapshots: Sequence[SnapshotSet], now: datetime, namespace: str) -> str:
    """When data was last safe, newest first given, and where to look if that is long ago."""
    good = next((item for item in snapshots if item.state(now) is State.GOOD), None)
    look = f"kubectl --namespace {namespace} get cronjob,job shows what the schedule does."
    if good is None:
        return f"No good one of stack {stack}: {look}"
    text = f"Last good: {age(good.taken, now)} ago, {good.name}."
    return text if now - good.taken <= _DAY else f"{text} That is more than a day: {look}"


_DAY: Final = timedelta(hours=26)
"""With time for a run that came late."""


def _image(item: SnapshotSet) -> str:
    """As a person tells it from others: without registry and path."""
    return short(item.image) if item.image else item.version


def _size(item: SnapshotSet) -> str:
    amounts = [amount(restore_size(item, volume) or "") for volume in item.volumes]
    known = [value for value in amounts if value is not None]
    if not known:
        return "-"
    total = sum(known, Decimal(0)) / 1024**3
    return f"{total:.1f}Gi".replace(".0Gi", "Gi")


def as_json(item: SnapshotSet, now: datetime, handles: Mapping[str, str]) -> dict[str, Any]:
    """All of a snapshot; `handles` are the storage system's, by VolumeSnapshotContent."""

    def volume(name: str) -> dict[str, Any]:
        found = item.objects.get(name)
        if found is None:
            return {"ready": False}
        status = found.get("status") or {}
        return {
            "volume_snapshot": found["metadata"]["name"],
            "claim": item.claims.get(name, ""),
            "size": restore_size(item, name),
            "ready": status.get("readyToUse") is True,
            "handle": handles.get(status.get("boundVolumeSnapshotContentName", "")),
        }

    return {
        "name": item.name,
        "taken": names.time_text(item.taken),
        "stack": item.stack,
        "engine": item.engine,
        "version": item.version,
        "image": item.image,
        "image_id": item.image_id,
        "reason": item.reason,
        "why": item.why,
        "by": item.by,
        "state": item.state(now).value,
        "problem": item.problem(now),
        "pinned": item.pinned,
        "settings": _settings(item),
        "volumes": {name: volume(name) for name in item.volumes},
    }


def _settings(item: SnapshotSet) -> Any:
    try:
        return json.loads(item.settings)
    except ValueError:
        return None
