"""Snapshots that are still in the storage, and paid for, after their VolumeSnapshots went.

A class that retains leaves a VolumeSnapshotContent behind, and with it the storage's own snapshot, until a person wants
neither any more. Refuses nothing but what is not this environment's: a snapshot that a volume of it only began with
belongs to another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from rich.markup import escape
from rich.table import Table

from components.tts.snapshot_job import names
from components.tts.snapshot_job.names import State
from ops.errors import OpsError
from ops.snapshot_cluster import CONTENTS, GROUP, Object, StackCluster, age

_SECONDS: Final = 20

_BEING_DELETED: Final = {"snapshot.storage.kubernetes.io/volumesnapshot-being-deleted": "yes"}
"""Without it the driver's sidecar deletes no snapshot that is in the storage
(https://github.com/kubernetes-csi/external-snapshotter/blob/v8.7.0/pkg/sidecar-controller/snapshot_controller.go)."""


@dataclass(frozen=True, kw_only=True)
class Orphan:
    """One snapshot of one volume."""

    snapshot: str
    """The VolumeSnapshot that it was."""

    handle: str
    """What the storage calls it; empty where it has never said."""

    driver: str
    taken: datetime
    size: str
    pinned: bool
    """Whether a person wants it kept."""

    content: Object


def made_here(content: Object, snapshot_class: str) -> bool:
    """Whether a content is of a snapshot that the class's environment took: another's comes with its handle."""
    spec = content["spec"]
    return spec.get("volumeSnapshotClassName") == snapshot_class and not spec["source"].get("snapshotHandle")


def orphans(cluster: StackCluster) -> list[Orphan]:
    """All of a stack's, oldest first."""
    # Slow to import, and only this needs it.
    from components.snapshot_class import snapshot_class_name

    snapshot_class = snapshot_class_name(cluster.namespace)
    # In this order: a content that comes meanwhile has a VolumeSnapshot that is not read yet.
    contents = cluster.contents()
    there = {item["metadata"].get("uid") for item in cluster.volume_snapshots()}
    found = [
        _orphan(item)
        for item in contents
        if made_here(item, snapshot_class)
        and item["spec"]["volumeSnapshotRef"].get("uid")
        and item["spec"]["volumeSnapshotRef"]["uid"] not in there
        and "deletionTimestamp" not in item["metadata"]
    ]
    return sorted(found, key=lambda one: (one.taken, one.snapshot))


def _orphan(content: Object) -> Orphan:
    status = content.get("status") or {}
    size = status.get("restoreSize")
    # In nanoseconds.
    taken = status.get("creationTime")
    return Orphan(
        snapshot=content["spec"]["volumeSnapshotRef"]["name"],
        handle=status.get("snapshotHandle") or "",
        driver=content["spec"]["driver"],
        taken=datetime.fromtimestamp(taken / 10**9, UTC)
        if taken
        else datetime.fromisoformat(content["metadata"]["creationTimestamp"]),
        size=f"{size / 1024**3:.1f}Gi".replace(".0Gi", "Gi") if size else "-",
        pinned=(content["metadata"].get("labels") or {}).get(names.KEEP) == names.KEPT,
        content=content,
    )


def table(stack: str, found: Sequence[Orphan], now: datetime) -> Table:
    """One row a volume's snapshot."""
    made = Table(
        title=f"Snapshots of stack {stack} that only the storage has, and that cost until they are pruned"
    )
    for heading in ("was", "taken", "size", "pinned", "storage", "handle"):
        made.add_column(heading, overflow="fold")
    for one in found:
        taken = f"{one.taken:%Y-%m-%d %H:%M} UTC, {age(one.taken, now)} ago"
        cells = (one.snapshot, taken, one.size, "yes" if one.pinned else "", one.driver, one.handle or "-")
        made.add_row(*(escape(cell) for cell in cells))
    return made


def as_json(one: Orphan) -> dict[str, Any]:
    """For programs."""
    return {
        "volume_snapshot": one.snapshot,
        "taken": names.time_text(one.taken),
        "size": one.size,
        "pinned": one.pinned,
        "driver": one.driver,
        "handle": one.handle or None,
        "content": one.content["metadata"]["name"],
    }


def prunable(cluster: StackCluster, now: datetime, days: int, *, last: bool) -> list[Orphan]:
    """Those of so many days that nobody has pinned.

    Raises OpsError where the stack has no good snapshot beside them, unless the `last` ones may go: after the loss of
    a namespace every snapshot is an orphan, and the only way back.
    """
    least = timedelta(days=days)
    found = [one for one in orphans(cluster) if not one.pinned and now - one.taken >= least]
    good = any(one.stack == cluster.stack and one.state(now) is State.GOOD for one in cluster.snapshots())
    if found and not good and not last:
        raise OpsError(
            f"Stack {cluster.stack} has no good snapshot but these {len(found)}, and nothing is deleted: take one "
            f'first (make snapshot STACK={cluster.stack} WHY="..."), or delete them all the same with --even-the-last.'
        )
    return found


def prune(cluster: StackCluster, found: Sequence[Orphan]) -> None:
    """Has the storage delete them. Raises OpsError for one that has changed since it was read."""
    for one in found:
        _delete(cluster, one)


def _delete(cluster: StackCluster, one: Orphan) -> None:
    from kubernetes import client
    from kubernetes.client.exceptions import ApiException

    metadata = one.content["metadata"]
    change = {
        "metadata": {"resourceVersion": metadata["resourceVersion"], "annotations": _BEING_DELETED},
        "spec": {"deletionPolicy": "Delete"},
    }
    options = client.V1DeleteOptions(preconditions=client.V1Preconditions(uid=metadata["uid"]))
    try:
        cluster.objects.patch_cluster_custom_object(
            *GROUP, CONTENTS, metadata["name"], change, _request_timeout=_SECONDS
        )
        cluster.objects.delete_cluster_custom_object(
            *GROUP, CONTENTS, metadata["name"], body=options, _request_timeout=_SECONDS
        )
    except ApiException as error:
        if error.status == 409:
            raise OpsError(f"{one.snapshot} has changed meanwhile, and stays: look again.") from None
        if error.status != 404:
            raise
