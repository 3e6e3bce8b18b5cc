"""GPUs are for what needs them, and what needs them says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from policy.model import Level, Resource, Rule, Settings, aws
from policy.workloads import containers, is_workload, pod_spec, quantities

GPU: Final = "nvidia.com/gpu"
"""The resource that a container asks for, and the key of the taint on nodes that have it."""


def wants_gpu(workload: Resource) -> bool:
    """Whether a container of its pods asks for a GPU."""
    return any(
        GPU in quantities(container, which)
        for container in containers(workload)
        for which in ("requests", "limits")
    )


def _tolerates(toleration: Mapping[str, Any]) -> bool:
    anything = toleration.get("operator") == "Exists" and not toleration.get("key")
    return (anything or toleration.get("key") == GPU) and toleration.get("effect") in (None, "", "NoSchedule")


def tolerates_taint(workload: Resource) -> bool:
    """Whether its pods may run on GPU nodes."""
    return any(_tolerates(toleration) for toleration in pod_spec(workload).get("tolerations") or ())


def _check_toleration(workload: Resource, _: Settings) -> Iterator[str]:
    if wants_gpu(workload) and not tolerates_taint(workload):
        yield "Its pods ask for a GPU and do not tolerate the taint of the nodes that have one."


def _check_reserved(workload: Resource, _: Settings) -> Iterator[str]:
    if tolerates_taint(workload) and not wants_gpu(workload):
        yield "Its pods tolerate the taint of the GPU nodes and ask for no GPU."


def _check_node_taint(group: Resource, _: Settings) -> Iterator[str]:
    if "NVIDIA" not in str(group.properties.get("amiType") or ""):
        return
    taints = group.properties.get("taints") or ()
    if not any(taint.get("key") == GPU and taint.get("effect") == "NO_SCHEDULE" for taint in taints):
        yield "The nodes have GPUs, and no taint keeps other pods off them."


RULES: Final = (
    Rule(
        name="gpu-toleration",
        says="What asks for a GPU tolerates the taint of the GPU nodes.",
        reason="Without it the pod stays pending for ever, or there are GPU nodes without the taint.",
        fix=f"Tolerate {GPU}=present:NoSchedule, as GPU_TOLERATIONS in components/nodes.py has it.",
        types=is_workload,
        check=_check_toleration,
    ),
    Rule(
        name="gpu-nodes-reserved",
        level=Level.ADVISORY,
        says="What asks for no GPU stays off the GPU nodes.",
        reason="It takes CPU and memory that a speech pod then lacks, on the dearest nodes there are.",
        fix=f"Take the toleration out, or ask for {GPU}.",
        types=is_workload,
        check=_check_reserved,
    ),
    Rule(
        name="gpu-node-taint",
        says=f"A node group with GPUs has the taint {GPU}:NoSchedule.",
        reason="Any pod may otherwise fill it, and the speech pods wait for room.",
        fix=f"Give the node group a taint with key {GPU} and effect NO_SCHEDULE.",
        types=aws("eks/nodeGroup:NodeGroup"),
        check=_check_node_taint,
    ),
)
