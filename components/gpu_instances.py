"""NVIDIA GPU instance types of EC2, and whether a pod of the speech service fits on one.

Leaves out on purpose: g5g (ARM, and the nodes' image AL2023_x86_64_NVIDIA is for x86), g6f and gr6f (fractions of a
GPU, which the device plugin cannot count), and generations before g4dn, which the driver in that image is too new for.

GPUs, vCPUs and memory: https://docs.aws.amazon.com/ec2/latest/instancetypes/ac.html
GPU memory, as AWS sells it: https://docs.aws.amazon.com/batch/latest/userguide/gpu-jobs.html
Pods per node: https://github.com/aws/amazon-vpc-cni-k8s/blob/v1.20.4/misc/eni-max-pods.txt
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import ceil
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True)
class GpuInstance:
    """One instance type."""

    gpus: int

    gpu_memory_gib: int
    """Of each GPU, as it is sold, which is also how engines say what they need. CUDA sees up to a tenth less: EC2's API
    gives the 24 GiB of an A10G or L4 as 22888 MiB, and the 48 GiB of an L40S as 45776 MiB."""

    vcpus: int
    memory_gib: int

    max_pods: int
    """How many pods' addresses its network interfaces carry. The node's reserve grows with it."""


INSTANCES: Final[Mapping[str, GpuInstance]] = MappingProxyType(
    {
        # NVIDIA T4
        "g4dn.xlarge": GpuInstance(1, 16, 4, 16, 29),
        "g4dn.2xlarge": GpuInstance(1, 16, 8, 32, 29),
        "g4dn.4xlarge": GpuInstance(1, 16, 16, 64, 29),
        "g4dn.8xlarge": GpuInstance(1, 16, 32, 128, 58),
        "g4dn.12xlarge": GpuInstance(4, 16, 48, 192, 234),
        "g4dn.16xlarge": GpuInstance(1, 16, 64, 256, 58),
        "g4dn.metal": GpuInstance(8, 16, 96, 384, 737),
        # NVIDIA A10G
        "g5.xlarge": GpuInstance(1, 24, 4, 16, 58),
        "g5.2xlarge": GpuInstance(1, 24, 8, 32, 58),
        "g5.4xlarge": GpuInstance(1, 24, 16, 64, 234),
        "g5.8xlarge": GpuInstance(1, 24, 32, 128, 234),
        "g5.12xlarge": GpuInstance(4, 24, 48, 192, 737),
        "g5.16xlarge": GpuInstance(1, 24, 64, 256, 234),
        "g5.24xlarge": GpuInstance(4, 24, 96, 384, 737),
        "g5.48xlarge": GpuInstance(8, 24, 192, 768, 345),
        # NVIDIA L4
        "g6.xlarge": GpuInstance(1, 24, 4, 16, 58),
        "g6.2xlarge": GpuInstance(1, 24, 8, 32, 58),
        "g6.4xlarge": GpuInstance(1, 24, 16, 64, 234),
        "g6.8xlarge": GpuInstance(1, 24, 32, 128, 234),
        "g6.12xlarge": GpuInstance(4, 24, 48, 192, 234),
        "g6.16xlarge": GpuInstance(1, 24, 64, 256, 737),
        "g6.24xlarge": GpuInstance(4, 24, 96, 384, 737),
        "g6.48xlarge": GpuInstance(8, 24, 192, 768, 737),
        # NVIDIA L4, with twice the memory
        "gr6.4xlarge": GpuInstance(1, 24, 16, 128, 234),
        "gr6.8xlarge": GpuInstance(1, 24, 32, 256, 234),
        # NVIDIA L40S
        "g6e.xlarge": GpuInstance(1, 48, 4, 32, 58),
        "g6e.2xlarge": GpuInstance(1, 48, 8, 64, 58),
        "g6e.4xlarge": GpuInstance(1, 48, 16, 128, 234),
        "g6e.8xlarge": GpuInstance(1, 48, 32, 256, 234),
        "g6e.12xlarge": GpuInstance(4, 48, 48, 384, 292),
        "g6e.16xlarge": GpuInstance(1, 48, 64, 512, 737),
        "g6e.24xlarge": GpuInstance(4, 48, 96, 768, 492),
        "g6e.48xlarge": GpuInstance(8, 48, 192, 1536, 492),
        # NVIDIA A100
        "p4d.24xlarge": GpuInstance(8, 40, 96, 1152, 737),
        "p4de.24xlarge": GpuInstance(8, 80, 96, 1152, 737),
        # NVIDIA H100
        "p5.4xlarge": GpuInstance(1, 80, 16, 256, 118),
        "p5.48xlarge": GpuInstance(8, 80, 192, 2048, 100),
    }
)
"""By instance type."""

# What Karpenter takes a node to lose to firmware and kernel before Kubernetes sees any memory.
# https://karpenter.sh/docs/reference/settings/ (vm-memory-overhead-percent)
_UNSEEN_MEMORY: Final = 0.075

# What the DaemonSets of a GPU node request, rounded up: VPC CNI with its policy agent (50m), kube-proxy (100m), the CSI
# drivers (at most 100m, 360 MiB), the Pod Identity agent, the NVIDIA device plugin (10m, 64 MiB).
_DAEMONS_CPU: Final = 0.3
_DAEMONS_GIB: Final = 0.5

# kubelet evicts pods rather than let less than this be free, in MiB: evictionHard memory.available of the EKS image.
_EVICTION_MIB: Final = 100


def known(instance_type: str) -> GpuInstance | None:
    """What is known of an instance type; None for one that is not in the table."""
    return INSTANCES.get(instance_type)


def allocatable(instance: GpuInstance) -> tuple[float, float]:
    """Cores and GiB of memory that a node leaves to pods that are no DaemonSet's.

    What kubelet reserves is the EKS image's formula: 255 MiB and 11 MiB a pod; of the cores 6 % of the first, 1 % of
    the second, 0.5 % of the next two, 0.25 % of the rest.
    https://github.com/awslabs/amazon-eks-ami/blob/main/nodeadm/internal/kubelet/config.go
    """
    reserved_cpu = 0.06 + 0.01 + 2 * 0.005 + (instance.vcpus - 4) * 0.0025
    reserved_gib = (255 + 11 * instance.max_pods + _EVICTION_MIB) / 1024
    return (
        instance.vcpus - reserved_cpu - _DAEMONS_CPU,
        instance.memory_gib * (1 - _UNSEEN_MEMORY) - reserved_gib - _DAEMONS_GIB,
    )


def pods_per_node(instance_type: str, gpus_per_pod: int) -> int:
    """How many pods of so many GPUs each one node carries, by its GPUs alone.

    A pod that takes none is held by no GPU: one a node is what is then counted on.
    """
    instance = INSTANCES[instance_type]
    return instance.gpus // gpus_per_pod if gpus_per_pod else 1


def shortfall(
    instance_type: str, *, gpus: int, gpu_memory_gib: int, cpu: Decimal | float, memory_gib: Decimal | float
) -> str | None:
    """Why one pod does not fit on a node of this type, to follow the type's name; None where it fits.

    `cpu` in cores and `memory_gib` are the pod's requests; `gpu_memory_gib` is what it needs of each of its `gpus`.
    """
    instance = known(instance_type)
    if instance is None:
        return "is not an x86 instance type with whole NVIDIA GPUs that we know"
    cores, gib = allocatable(instance)
    if instance.gpus < gpus:
        return f"has {_gpus(instance.gpus)}, and a pod takes {gpus}"
    if instance.gpu_memory_gib < gpu_memory_gib:
        return f"has {instance.gpu_memory_gib} GiB of GPU memory, and the engine needs {gpu_memory_gib} GiB"
    if cores < cpu:
        return f"leaves pods {_short(cores)} of its {instance.vcpus} cores, and a pod requests {_needed(cpu)}"
    if gib < memory_gib:
        return (
            f"leaves pods {_short(gib)} of its {instance.memory_gib} GiB of memory, "
            f"and a pod requests {_needed(memory_gib)} GiB"
        )
    return None


def _gpus(count: int) -> str:
    return f"{count} GPU" if count == 1 else f"{count} GPUs"


def _short(amount: float) -> str:
    """Rounded down, so that what is left never reads as enough."""
    return f"{int(amount * 10) / 10:g}"


def _needed(amount: Decimal | float) -> str:
    return f"{ceil(float(amount) * 10) / 10:g}"
