"""What an ephemeral stack's volumes begin with: the platform's newest good snapshot, by its handles."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from components.tts.rollout import OUTPUTS_CLAIM, WEIGHTS_CLAIM
from components.tts.snapshot_job.names import State
from ops.ephemeral_platform import Platform
from ops.errors import OpsError
from ops.snapshot_cluster import answers, connected
from stacks.choices import Snapshots

_KEYS = {WEIGHTS_CLAIM: "weightsFrom", OUTPUTS_CLAIM: "outputsFrom"}


def seeds(platform: Platform, *, with_outputs: bool) -> dict[str, Any]:
    """The keys for the weights, and with `with_outputs` for what was spoken. Raises OpsError without a snapshot."""
    driver, name = platform.snapshot_driver, platform.name
    wanted = [WEIGHTS_CLAIM] if platform.stack.settings.weights_size else []
    wanted += [OUTPUTS_CLAIM] if with_outputs else []
    if not wanted:
        raise OpsError(
            f"Stack {name} has no volume of weights (weightsSize): leave out --from-snapshot, or add --with-outputs "
            "if what was spoken there is meant."
        )
    if driver is None:
        raise OpsError(f"Stack {name} takes no snapshots: leave out --from-snapshot.")
    with answers(name):
        cluster = connected(platform.backend)
        now, handles = datetime.now(UTC), cluster.handles()
        for item in cluster.snapshots():
            if item.stack != name or item.state(now) is not State.GOOD:
                continue
            found = {volume: _handle(item.objects.get(volume), handles) for volume in wanted}
            if all(found.values()):
                chosen = {_KEYS[volume]: handle for volume, handle in found.items()}
                return {"snapshots": Snapshots.CSI.value, "snapshotDriver": driver, **chosen}
    raise OpsError(
        f"Stack {name} has no good snapshot of {' and '.join(wanted)}: make snapshot STACK={name} WHY=... takes one."
    )


def _handle(item: dict[str, Any] | None, handles: dict[str, str]) -> str | None:
    status = (item or {}).get("status") or {}
    return handles.get(status.get("boundVolumeSnapshotContentName", ""))
