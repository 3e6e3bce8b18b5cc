"""What single values cannot say about snapshots."""

from collections.abc import Iterator

from components.tts.rollout import OUTPUTS_CLAIM, WEIGHTS_CLAIM
from stacks.checks import Check, Context
from stacks.choices import Delivery, Snapshots
from stacks.problems import Problem

_NEED_SNAPSHOTS = {
    "restore_from": "restoreFrom",
    "weights_from": "weightsFrom",
    "outputs_from": "outputsFrom",
}

_SEEDS = (("weights_from", "weightsFrom", WEIGHTS_CLAIM), ("outputs_from", "outputsFrom", OUTPUTS_CLAIM))


def _a_driver_takes_them(context: Context) -> Iterator[Problem]:
    values = context.values
    on_aws = "storage" in values
    if on_aws and values.get("snapshot_driver") is not None:
        yield Problem(
            key="snapshotDriver",
            value=values["snapshot_driver"],
            why="is decided by storage on AWS.",
            instead="Take it out.",
        )
    if not on_aws and values.get("snapshots") is Snapshots.CSI and values.get("snapshot_driver", "") is None:
        yield Problem(
            key="snapshotDriver",
            value=None,
            why="is not set, and snapshots are taken by the volumes' CSI driver.",
            instead="Write what kubectl get csidrivers calls it, or snapshots: none.",
        )


def _snapshots_are_there_to_begin_with(context: Context) -> Iterator[Problem]:
    if context.values.get("snapshots") is not Snapshots.NONE:
        return
    for field, key in _NEED_SNAPSHOTS.items():
        value = context.values.get(field)
        if value is not None:
            yield Problem(
                key=key,
                value=str(value),
                why="is for volumes that are made from snapshots, and snapshots is none.",
                instead=f"Write snapshots: csi, or take {key} out.",
            )


def _a_seed_is_for_a_volume_to_come(context: Context) -> Iterator[Problem]:
    for field, key, claim in _SEEDS:
        value = context.values.get(field)
        if value is None:
            continue
        if context.values.get("delivery") is Delivery.GITOPS:
            yield Problem(
                key=key,
                value=value,
                why="takes an object of the cluster's, and Argo CD may make none.",
                instead="Write delivery: direct, or restoreFrom with a snapshot of this stack.",
            )
        if claim == WEIGHTS_CLAIM and context.values.get("weights_size", "") is None:
            yield Problem(
                key=key,
                value=value,
                why="is for the weights' volume, and weightsSize is not set.",
                instead=f"Write weightsSize, or take {key} out.",
            )


SNAPSHOT_CHECKS: tuple[Check, ...] = (
    _a_driver_takes_them,
    _snapshots_are_there_to_begin_with,
    _a_seed_is_for_a_volume_to_come,
)
