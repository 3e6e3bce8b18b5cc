"""GPUs are for what needs them, and what needs them says so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from policy.model import Level, Resource, Rule, Settings, aws
from policy.workloads import containers, is_workload, pod_spec, quantities

GPU: Final = "nvidia.com/gpu"
"""The resource that a container asks for, and the key of the taint on nodes that have it."""

TAINT_VALUE: Final = "present"
"""What the taint is set to, and what a toleration of it has to say."""

# As components/gpu_instances.py has them, by family, so that a generation that comes later counts too.
_GPU_FAMILY: Final = re.compile(r"(g|gr|p)\d")
_GPU_IMAGE: Final = re.compile(r"NVIDIA|_GPU$")


def wants_gpu(workload: Resource) -> bool:
    """Whether a container of its pods asks for a GPU."""
    return any(
        GPU in quantities(container, which)
        for container in containers(workload)
        for which in ("requests", "limits")
    )


def _tolerates(toleration: Mapping[str, Any]) -> bool:
    key, of_ours = toleration.get("key"), toleration.get("key") == GPU
    if toleration.get("operator") == "Exists":
        tolerated = of_ours or not key
    else:
        tolerated = of_ours and toleration.get("value") == TAINT_VALUE
    return tolerated and toleration.get("effect") in (None, "", "NoSchedule")


def tolerates_taint(workload: Resource) -> bool:
    """Whether its pods may run on GPU nodes."""
    return any(_tolerates(toleration) for toleration in pod_spec(workload).get("tolerations") or ())


def _check_toleration(workload: Resource, _: Settings) -> Iterator[str]:
    if wants_gpu(workload) and not tolerates_taint(workload):
        yield "Its pods ask for a GPU and do not tolerate the taint of the nodes that have one."


def _check_reserved(workload: Resource, _: Settings) -> Iterator[str]:
    if tolerates_taint(workload) and not wants_gpu(workload):
        yield "Its pods tolerate the taint of the GPU nodes and ask for no GPU."


def has_gpus(group: Resource) -> bool:
    """Whether the nodes of a group have GPUs: by their image, or by their instance types where it is one's own."""
    types = group.properties.get("instanceTypes") or ()
    return bool(_GPU_IMAGE.search(str(group.properties.get("amiType") or ""))) or any(
        _GPU_FAMILY.match(str(type_)) for type_ in types
    )


def _check_node_taint(group: Resource, _: Settings) -> Iterator[str]:
    if not has_gpus(group):
        return
    taints = group.properties.get("taints") or ()
    ours = [taint for taint in taints if taint.get("key") == GPU and taint.get("effect") == "NO_SCHEDULE"]
    if not ours:
        yield "The nodes have GPUs, and no taint keeps other pods off them."
    elif not any(taint.get("value") == TAINT_VALUE for taint in ours):
        yield "The speech pods do not tolerate the taint: its value is another."


RULES: Final = (
    Rule(
        name="gpu-toleration",
        says="What asks for a GPU tolerates the taint of the GPU nodes.",
        reason="Without it the pod stays pending for ever, or there are GPU nodes without the taint.",
        fix=f"Tolerate {GPU}={TAINT_VALUE}:NoSchedule, as GPU_TOLERATIONS in components/nodes.py has it.",
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
        says=f"A node group with GPUs has the taint {GPU}={TAINT_VALUE}:NoSchedule.",
        reason="Any pod may otherwise fill it, and the speech pods wait for room.",
        fix=f"Give the node group a taint with key {GPU}, value {TAINT_VALUE} and effect NO_SCHEDULE.",
        types=aws("eks/nodeGroup:NodeGroup"),
        check=_check_node_taint,
    ),
)
