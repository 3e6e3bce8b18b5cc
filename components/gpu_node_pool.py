"""The GPU nodes of an EKS cluster: a managed node group whose nodes only take what tolerates their taint.

Refuses instance types that are not in the table of `components/gpu_instances.py` (EKS would make nodes of any type, and
without a GPU every speech pod would stay pending), and a desired size that is not between the smallest and the largest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from components.capacity import Capacity
from components.gpu_instances import known
from components.launch_template import launch_template
from components.nodes import GPU_NODE_SELECTOR, GPU_TOLERATIONS

AMI_TYPE: Final = "AL2023_x86_64_NVIDIA"
"""Amazon Linux 2023 with NVIDIA's driver and container runtime, without the device plugin."""

_CAPACITY_TYPES: Final = {Capacity.ON_DEMAND: "ON_DEMAND", Capacity.SPOT: "SPOT"}

# As Kubernetes writes them, and as the EKS API does.
_EFFECTS: Final = {
    "NoSchedule": "NO_SCHEDULE",
    "PreferNoSchedule": "PREFER_NO_SCHEDULE",
    "NoExecute": "NO_EXECUTE",
}


@dataclass(frozen=True, kw_only=True)
class GpuNodePoolArgs:
    """Which nodes, and how many."""

    cluster_name: pulumi.Input[str]
    node_role_arn: pulumi.Input[str]
    kubernetes_version: str
    """Minor version (1.34). The nodes are replaced one at a time when it changes."""

    subnet_ids: Sequence[pulumi.Input[str]]
    """Private subnets, which decide the zones."""

    instance_types: tuple[str, ...]
    """EC2 picks one that it has. With spot, several make it likelier that it has one."""

    capacity: Capacity
    minimum: int
    """Nodes. 0 lets the pool be empty."""

    maximum: int
    """Nodes."""

    desired: int
    """Nodes. Only where the pool starts, if it is autoscaled."""

    autoscaled: bool
    """Whether something else decides how many nodes there are. Pulumi then leaves their number alone."""

    root_gib: int
    """Size of each node's root volume, which holds the images. One of 20 GB takes twice that while it is unpacked."""

    tags: Mapping[str, str]
    """Of the instances and their volumes, which the provider's default tags do not reach."""


class GpuNodePool(pulumi.ComponentResource):
    """A launch template and a managed node group.

    The nodes carry the label and the taint that the speech pods select and tolerate. An update drains and replaces one
    node at a time. https://docs.aws.amazon.com/eks/latest/userguide/managed-node-groups.html
    """

    node_group: pulumi.Output[str]
    """Name of the node group. Known once it is active."""

    autoscaling_group: pulumi.Output[str]
    """Name of the autoscaling group that EKS made for it: what a schedule or an autoscaler acts on."""

    def __init__(self, name: str, args: GpuNodePoolArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("tts-platform:gpunodepool:GpuNodePool", name, None, opts)
        _refuse_what_cannot_work(name, args)

        template = launch_template(f"{name}-template", root_gib=args.root_gib, tags=args.tags, parent=self)
        group = self._node_group(name, args, template)

        self.node_group = group.node_group_name
        # EKS makes one for each node group.
        self.autoscaling_group = group.resources[0].autoscaling_groups[0].name
        self.register_outputs({"node_group": self.node_group, "autoscaling_group": self.autoscaling_group})

    def _node_group(
        self, name: str, args: GpuNodePoolArgs, template: aws.ec2.LaunchTemplate
    ) -> aws.eks.NodeGroup:
        return aws.eks.NodeGroup(
            # No name of ours: other instance types make another node group, to be there before the old one goes.
            f"{name}-nodes",
            cluster_name=args.cluster_name,
            node_role_arn=args.node_role_arn,
            version=args.kubernetes_version,
            subnet_ids=list(args.subnet_ids),
            ami_type=AMI_TYPE,
            instance_types=list(args.instance_types),
            capacity_type=_CAPACITY_TYPES[args.capacity],
            scaling_config=aws.eks.NodeGroupScalingConfigArgs(
                min_size=args.minimum, max_size=args.maximum, desired_size=args.desired
            ),
            # One node goes before its successor comes: the other strategy adds nodes in every zone first, for which
            # neither quota nor capacity may be there. https://docs.aws.amazon.com/eks/latest/userguide/managed-node-update-behavior.html
            update_config=aws.eks.NodeGroupUpdateConfigArgs(max_unavailable=1, update_strategy="MINIMAL"),
            launch_template=aws.eks.NodeGroupLaunchTemplateArgs(
                id=template.id, version=template.latest_version.apply(str)
            ),
            labels=dict(GPU_NODE_SELECTOR),
            taints=_taints(),
            opts=pulumi.ResourceOptions(
                parent=self, ignore_changes=["scalingConfig.desiredSize"] if args.autoscaled else None
            ),
        )


def _refuse_what_cannot_work(name: str, args: GpuNodePoolArgs) -> None:
    if not args.instance_types:
        raise ValueError(f"{name}: no instance type is named.")
    strangers = [item for item in args.instance_types if known(item) is None]
    if strangers:
        raise ValueError(
            f"{name}: {', '.join(strangers)} is no x86 instance type with whole NVIDIA GPUs that we know."
        )
    if not (0 <= args.minimum <= args.desired <= args.maximum and args.maximum >= 1):
        raise ValueError(
            f"{name}: {args.desired} nodes are not between {args.minimum} and {args.maximum}, "
            "of which the first is 0 or more and the second 1 or more."
        )


def _taints() -> list[aws.eks.NodeGroupTaintArgs]:
    """What the pods' tolerations tolerate, nothing beside it."""
    return [
        aws.eks.NodeGroupTaintArgs(
            key=toleration["key"], value=toleration["value"], effect=_EFFECTS[toleration["effect"]]
        )
        for toleration in GPU_TOLERATIONS
    ]
