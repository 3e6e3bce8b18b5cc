"""Node groups with GPUs, in a preview."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from components.nodes import GPU_NODE_SELECTOR
from ops.preview.plan import Change, Op

NODE_GROUP: Final = "aws:eks/nodeGroup:NodeGroup"


def is_gpu_pool(change: Change) -> bool:
    """Whether it is a node group whose nodes have GPUs, or had."""
    return change.kind == NODE_GROUP and (_has_gpus(change.old) or _has_gpus(change.new))


def nodes(inputs: Mapping[str, Any]) -> int:
    """How many nodes a node group begins with."""
    return _scaling(inputs, "desiredSize")


def takes_the_last_gpu(change: Change) -> bool:
    """Whether a node group with GPUs has none after it, or none while it is replaced."""
    if change.kind != NODE_GROUP or not _has_gpus(change.old) or change.succeeded:
        return False
    if change.op is Op.DELETE or change.deleted_first or not _has_gpus(change.new):
        # Of one that is scaled by something else the inputs say for ever with how many it began.
        return _scaling(change.old, "maxSize") > 0
    return nodes(change.old) > 0 and nodes(change.new) == 0


def succeeded(changes: Iterable[Change]) -> tuple[Change, ...]:
    """The changes, with a word on each pool that goes where another one comes first: renamed, it is two changes."""
    known = tuple(changes)
    comes = any(
        change.op is Op.CREATE and change.kind == NODE_GROUP and _has_gpus(change.new) and nodes(change.new)
        for change in known
    )
    return tuple(
        replace(change, succeeded=True)
        if comes and change.op is Op.DELETE and is_gpu_pool(change)
        else change
        for change in known
    )


def _has_gpus(inputs: Mapping[str, Any]) -> bool:
    return GPU_NODE_SELECTOR.items() <= (inputs.get("labels") or {}).items()


def _scaling(inputs: Mapping[str, Any], key: str) -> int:
    return int((inputs.get("scalingConfig") or {}).get(key) or 0)
