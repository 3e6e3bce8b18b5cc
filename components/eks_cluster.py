"""The Kubernetes cluster on AWS: a new one, or one that is there.

New: a control plane (`components/eks_control_plane.py`), the managed add-ons, the nodes' role and the edge nodes.
Existing: the cluster is looked up and stays as it is; only what is missing is made: the role with its access entry, the
edge nodes with their security group, and each add-on that the cluster has not. An add-on that is there and not this
stack's is left alone, with a warning when that leaves NetworkPolicies unenforced.

Refuses a Kubernetes version outside `supported_versions`, an API server open to the internet, and an existing cluster
in another VPC than the stack's.

A destroy goes the other way round: add-ons that are Deployments, edge nodes, add-ons of the nodes, control plane.

AWS: https://docs.aws.amazon.com/eks/latest/userguide/clusters.html,
https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.edge_node_group import EdgeNodeGroup, EdgeNodeGroupArgs, EdgeNodes
from components.eks_addon import Addon
from components.eks_addons import NODE_ADDONS, EksAddons, EksAddonsArgs
from components.eks_control_plane import EksControlPlane, EksControlPlaneArgs
from components.eks_existing import ExistingCluster, find_cluster, missing_addons
from components.eks_kubeconfig import kubeconfig
from components.node_role import node_role

__all__ = ["EdgeNodes", "EksCluster", "EksClusterArgs"]


@dataclass(frozen=True, kw_only=True)
class EksClusterArgs:
    """What an environment decides about its cluster."""

    name: str
    """The cluster's name in AWS."""

    existing: bool
    """Whether the cluster is there already, and not this stack's."""

    region: str
    kubernetes_version: str
    """Of a new cluster, such as 1.34; an existing one has its own."""

    supported_versions: frozenset[str]
    """Those that the add-ons and Contour are tested on."""

    vpc_id: pulumi.Input[str]
    private_subnet_ids: Sequence[pulumi.Input[str]]
    """Of the nodes, and of a new control plane's interfaces."""

    routes: Sequence[pulumi.Resource]
    """Those subnets' ways out, which nodes come after; none where they are not this stack's."""

    service_cidr: str
    """The range of a new cluster's Services."""

    api_cidrs: tuple[str, ...]
    """Networks outside the VPC that may reach a new cluster's API server; none keeps it private."""

    admins: tuple[str, ...]
    """ARNs of IAM principals who administer a new cluster, besides the one who makes it."""

    deletion_protection: bool
    """Whether AWS refuses to delete a new cluster."""

    addons: tuple[Addon, ...]
    own_addons: frozenset[str]
    """Names of the add-ons that this stack has made already; only read with an existing cluster."""

    edge: EdgeNodes
    tags: Mapping[str, str]
    """For what the provider's default tags do not reach: instances, and volumes."""


class EksCluster(pulumi.ComponentResource):
    """The cluster with its add-ons and its edge nodes. GPU nodes join it by `components/gpu_node_pool.py`."""

    cluster_name: pulumi.Output[str]

    kubernetes_version: str
    """The version that runs: the one asked for, or an existing cluster's own. Nodes are of the same."""

    endpoint: pulumi.Output[str]
    """URL of the API server."""

    security_group_id: pulumi.Output[str]
    """EKS's own group: the control plane's interfaces and every node are in it."""

    edge_security_group_id: pulumi.Output[str]
    """The edge nodes' second group, without rules; the load balancer adds them."""

    edge_autoscaling_group: pulumi.Output[str]
    """Name of the edge nodes' autoscaling group."""

    kubeconfig: pulumi.Output[str]
    """JSON, secret; it takes its token from `aws eks get-token`."""

    node_role_arn: pulumi.Output[str]
    """Of the role that all nodes share."""

    system: Sequence[pulumi.Resource]
    """What must be there before pods run, and stay until they are gone: the edge nodes and the add-ons."""

    def __init__(self, name: str, args: EksClusterArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("tts-platform:eks:Cluster", name, None, opts)
        existing = self._existing(args) if args.existing else None
        self.kubernetes_version = existing.kubernetes_version if existing else args.kubernetes_version
        _refuse_untested(args, self.kubernetes_version)
        _refuse_mismatch(args, self.kubernetes_version)

        plane = existing or self._control_plane(name, args)
        self.cluster_name = pulumi.Output.from_input(plane.cluster_name)
        self.endpoint = pulumi.Output.from_input(plane.endpoint)
        self.security_group_id = pulumi.Output.from_input(plane.security_group_id)
        self.kubeconfig = self._kubeconfig(args.region, plane)
        self.node_role_arn = self._node_role(name, existing)

        addons = self._addons_to_make(args)
        node_addons = self._node_addons(name, args, addons)
        edge = self._edge(name, args, [*node_addons, *args.routes])
        self.edge_security_group_id = edge.security_group_id
        self.edge_autoscaling_group = edge.autoscaling_group
        self.system = [*node_addons, edge.group, *self._other_addons(name, args, addons, edge)]

        self.register_outputs(
            {
                "cluster_name": self.cluster_name,
                "kubernetes_version": self.kubernetes_version,
                "endpoint": self.endpoint,
                "security_group_id": self.security_group_id,
                "edge_security_group_id": self.edge_security_group_id,
                "edge_autoscaling_group": self.edge_autoscaling_group,
                "kubeconfig": self.kubeconfig,
                "node_role_arn": self.node_role_arn,
            }
        )

    def _existing(self, args: EksClusterArgs) -> ExistingCluster:
        found = find_cluster(args.name, self)
        if isinstance(args.vpc_id, str) and args.vpc_id != found.vpc_id:
            raise pulumi.RunError(
                f"EKS cluster {args.name} is in {found.vpc_id}, not in {args.vpc_id}: nodes join only from its VPC."
            )
        return found

    def _control_plane(self, name: str, args: EksClusterArgs) -> EksControlPlane:
        return EksControlPlane(
            f"{name}-control-plane",
            EksControlPlaneArgs(
                cluster_name=args.name,
                kubernetes_version=args.kubernetes_version,
                subnet_ids=args.private_subnet_ids,
                service_cidr=args.service_cidr,
                api_cidrs=args.api_cidrs,
                admins=args.admins,
                deletion_protection=args.deletion_protection,
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _kubeconfig(self, region: str, plane: EksControlPlane | ExistingCluster) -> pulumi.Output[str]:
        text = pulumi.Output.all(plane.cluster_name, plane.endpoint, plane.certificate_authority).apply(
            lambda values: kubeconfig(
                cluster=str(values[0]),
                region=region,
                endpoint=str(values[1]),
                certificate_authority=str(values[2]),
            )
        )
        return pulumi.Output.secret(text)

    def _node_role(self, name: str, existing: ExistingCluster | None) -> pulumi.Output[str]:
        role = node_role(f"{name}-node-role", self)
        if existing is None or not existing.access_entries:
            return role
        # EKS makes this entry for a node group if need be, and leaves it behind. A new cluster takes it along when it
        # goes; from one that stays, the stack must take it away again.
        entry = aws.eks.AccessEntry(
            f"{name}-nodes",
            cluster_name=self.cluster_name,
            principal_arn=role,
            type="EC2_LINUX",
            opts=pulumi.ResourceOptions(parent=self),
        )
        return entry.principal_arn

    def _addons_to_make(self, args: EksClusterArgs) -> Sequence[Addon]:
        return missing_addons(args.name, args.addons, args.own_addons, self) if args.existing else args.addons

    def _node_addons(
        self, name: str, args: EksClusterArgs, addons: Sequence[Addon]
    ) -> Sequence[pulumi.Resource]:
        return EksAddons(
            f"{name}-node-addons",
            EksAddonsArgs(
                cluster_name=self.cluster_name,
                addons=[addon for addon in addons if addon.name in NODE_ADDONS],
                existing=args.existing,
                tags=args.tags,
            ),
            pulumi.ResourceOptions(parent=self),
        ).addons

    def _edge(self, name: str, args: EksClusterArgs, after: Sequence[pulumi.Resource]) -> EdgeNodeGroup:
        return EdgeNodeGroup(
            f"{name}-edge",
            EdgeNodeGroupArgs(
                cluster_name=self.cluster_name,
                cluster_security_group_id=self.security_group_id,
                node_role_arn=self.node_role_arn,
                kubernetes_version=self.kubernetes_version,
                vpc_id=args.vpc_id,
                subnet_ids=args.private_subnet_ids,
                nodes=args.edge,
                tags=args.tags,
                after=after,
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _other_addons(
        self, name: str, args: EksClusterArgs, addons: Sequence[Addon], edge: EdgeNodeGroup
    ) -> Sequence[pulumi.Resource]:
        return EksAddons(
            f"{name}-addons",
            EksAddonsArgs(
                cluster_name=self.cluster_name,
                addons=[addon for addon in addons if addon.name not in NODE_ADDONS],
                existing=args.existing,
                tags=args.tags,
                after=[edge.group],
            ),
            pulumi.ResourceOptions(parent=self),
        ).addons


def _refuse_untested(args: EksClusterArgs, version: str) -> None:
    if version not in args.supported_versions:
        supported = ", ".join(sorted(args.supported_versions))
        raise pulumi.RunError(
            f"EKS cluster {args.name}: Kubernetes {version} is not one of the tested versions ({supported})."
        )


def _refuse_mismatch(args: EksClusterArgs, running: str) -> None:
    if running != args.kubernetes_version:
        raise pulumi.RunError(
            f"EKS cluster {args.name} runs Kubernetes {running}: write "
            f'kubernetesVersion: "{running}", which the versions of the add-ons follow.'
        )
