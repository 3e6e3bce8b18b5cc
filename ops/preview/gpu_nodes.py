"""Node groups with GPUs, in a preview."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from components.nodes import GPU_NODE_SELECTOR
from ops.preview.plan import Change, Op

NODE_GROUP: Final = "aws:eks/nodeGroup:NodeGroup"


def is_gpu_pool(change: Change) -> bool:
    """Whether it is a node group whose nodes have GPUs."""
    labels = (change.new or change.old).get("labels") or {}
    return change.kind == NODE_GROUP and GPU_NODE_SELECTOR.items() <= labels.items()


def nodes(inputs: Mapping[str, Any]) -> int:
    """How many nodes a node group begins with."""
    return int((inputs.get("scalingConfig") or {}).get("desiredSize") or 0)


def takes_the_last_gpu(change: Change) -> bool:
    """Whether a node group with GPUs has none after it, or none while it is replaced."""
    if not is_gpu_pool(change) or not nodes(change.old):
        return False
    return change.op is Op.DELETE or change.deleted_first or not nodes(change.new)
