"""The edge nodes: Envoy, Contour, cert-manager, Argo CD and the cluster's own controllers run on them.

A managed node group of plain x86-64 nodes (Amazon Linux 2023), labelled as edge and not tainted, in the private
subnets, replaced one at a time. Its security group has no rule: the load balancer adds the ones that let clients in.
The group has no fixed name, so that a replacement is up before the old nodes go.

AWS: https://docs.aws.amazon.com/eks/latest/userguide/managed-node-groups.html,
https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html (security groups)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from components.launch_template import launch_template
from components.nodes import EDGE_NODE_SELECTOR

AMI_TYPE: Final = "AL2023_x86_64_STANDARD"
ROOT_GIB: Final = 50
"""Root volume of an edge node, in GiB: the images of all controllers several times over, and Envoy's logs."""


@dataclass(frozen=True)
class EdgeNodes:
    """How many edge nodes there are, and of what kind."""

    instance_types: tuple[str, ...]

    nodes: int
    """Always running; one more while a node is replaced."""


@dataclass(frozen=True, kw_only=True)
class EdgeNodeGroupArgs:
    """Where the edge nodes are, and what they are."""

    cluster_name: pulumi.Input[str]
    cluster_security_group_id: pulumi.Input[str]
    """EKS's own: with it the nodes reach the control plane, and each other."""

    node_role_arn: pulumi.Input[str]
    kubernetes_version: str
    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    nodes: EdgeNodes
    tags: Mapping[str, str]
    after: Sequence[pulumi.Resource]
    """What a node needs to become ready, and while it drains: the add-ons that run on every node, and a way out."""


class EdgeNodeGroup(pulumi.ComponentResource):
    """The node group, its launch template and its security group."""

    group: aws.eks.NodeGroup
    """The node group itself, for what comes after it."""

    security_group_id: pulumi.Output[str]
    """Of the edge nodes only; without rules of its own."""

    autoscaling_group: pulumi.Output[str]
    """Name of the group that a load balancer's target group follows."""

    def __init__(self, name: str, args: EdgeNodeGroupArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("tts-platform:eks:EdgeNodeGroup", name, None, opts)
        self.security_group_id = self._security_group(name, args.vpc_id)
        self.group = self._group(name, args)
        # EKS makes one autoscaling group for each node group.
        self.autoscaling_group = self.group.resources[0].autoscaling_groups[0].name
        self.register_outputs(
            {"security_group_id": self.security_group_id, "autoscaling_group": self.autoscaling_group}
        )

    def _security_group(self, name: str, vpc_id: pulumi.Input[str]) -> pulumi.Output[str]:
        group = aws.ec2.SecurityGroup(
            f"{name}-security-group",
            vpc_id=vpc_id,
            description="Edge nodes: what the load balancer may reach",
            tags={"Name": name},
            opts=pulumi.ResourceOptions(parent=self),
        )
        return group.id

    def _group(self, name: str, args: EdgeNodeGroupArgs) -> aws.eks.NodeGroup:
        template = launch_template(
            f"{name}-template",
            root_gib=ROOT_GIB,
            tags=args.tags,
            security_group_ids=[args.cluster_security_group_id, self.security_group_id],
            parent=self,
        )
        return aws.eks.NodeGroup(
            f"{name}-group",
            cluster_name=args.cluster_name,
            node_role_arn=args.node_role_arn,
            version=args.kubernetes_version,
            ami_type=AMI_TYPE,
            instance_types=list(args.nodes.instance_types),
            subnet_ids=list(args.subnet_ids),
            labels=EDGE_NODE_SELECTOR,
            launch_template=aws.eks.NodeGroupLaunchTemplateArgs(
                id=template.id, version=template.latest_version.apply(str)
            ),
            scaling_config=aws.eks.NodeGroupScalingConfigArgs(
                min_size=args.nodes.nodes, desired_size=args.nodes.nodes, max_size=args.nodes.nodes + 1
            ),
            update_config=aws.eks.NodeGroupUpdateConfigArgs(max_unavailable=1),
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(args.after)),
        )
