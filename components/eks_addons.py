"""Managed add-ons of EKS, with their settings and their rights in AWS.

Rights come by Pod Identity, from the add-on itself: a role that only the add-on's service account gets, not the nodes'.

Two kinds by when they are needed. `NODE_ADDONS` run on every node and a node is not ready without them: they come
before the nodes and go after them. The others are Deployments, which need nodes: they go first, so that a destroy
never asks for a controller's removal when there is nowhere left for it to run.

On a new cluster an add-on overwrites what stands in its way, on an existing one it fails instead (`NONE`): what an
operator installed by hand is theirs. A later update overwrites in both: only add-ons of this stack get one, and what
the code says is what runs.

AWS: https://docs.aws.amazon.com/eks/latest/userguide/eks-add-ons.html,
https://docs.aws.amazon.com/eks/latest/userguide/add-ons-iam.html,
https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateAddon.html
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_aws as aws

from components.eks_addon import Addon
from components.eks_role import PODS, eks_role

VPC_CNI: Final = "vpc-cni"
NETWORK_POLICY: Final = {"enableNetworkPolicy": "true"}
"""EKS enforces NetworkPolicy only when the CNI add-on is told to; without this the policies are decoration.

AWS: https://docs.aws.amazon.com/eks/latest/userguide/cni-network-policy-configure.html
"""

NODE_ADDONS: Final = frozenset({"eks-pod-identity-agent", VPC_CNI, "kube-proxy"})
"""What every node runs, ready or not."""

_FIRST: Final = {
    # Its pods get their AWS credentials from the agent.
    VPC_CNI: "eks-pod-identity-agent",
    # The driver starts its snapshotter only where the snapshots' CRDs are, and the controller brings them.
    "aws-ebs-csi-driver": "snapshot-controller",
}


@dataclass(frozen=True)
class _Rights:
    service_account: str
    policy: str


_RIGHTS: Final[Mapping[str, _Rights]] = {
    VPC_CNI: _Rights("aws-node", "AmazonEKS_CNI_Policy"),
    "aws-ebs-csi-driver": _Rights("ebs-csi-controller-sa", "service-role/AmazonEBSCSIDriverPolicy"),
    "aws-efs-csi-driver": _Rights("efs-csi-controller-sa", "service-role/AmazonEFSCSIDriverPolicy"),
}


@dataclass(frozen=True, kw_only=True)
class EksAddonsArgs:
    """Which add-ons, and on what kind of cluster."""

    cluster_name: pulumi.Input[str]
    addons: Sequence[Addon]
    existing: bool
    """Whether the cluster is somebody else's: nothing there is overwritten."""

    tags: Mapping[str, str]
    """For the volumes that the EBS driver makes, which the provider's default tags do not reach."""

    after: Sequence[pulumi.Resource] = ()
    """What all of them come after: the nodes, for add-ons that are Deployments."""


class EksAddons(pulumi.ComponentResource):
    """The add-ons, each with its role where it calls AWS."""

    addons: Sequence[aws.eks.Addon]
    """In the order in which they are made."""

    def __init__(self, name: str, args: EksAddonsArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("tts-platform:eks:Addons", name, None, opts)
        made: dict[str, aws.eks.Addon] = {}
        for addon in sorted(args.addons, key=lambda addon: addon.name in _FIRST):
            before = [made[first] for first in (_FIRST.get(addon.name),) if first in made]
            made[addon.name] = self._addon(name, args, addon, before)
        self.addons = list(made.values())
        self.register_outputs({"addons": [addon.addon_name for addon in self.addons]})

    def _addon(
        self, name: str, args: EksAddonsArgs, addon: Addon, before: Sequence[aws.eks.Addon]
    ) -> aws.eks.Addon:
        configuration = _configuration(addon.name, args.tags)
        return aws.eks.Addon(
            f"{name}-{addon.name}",
            cluster_name=args.cluster_name,
            addon_name=addon.name,
            addon_version=addon.version,
            configuration_values=json.dumps(configuration) if configuration else None,
            pod_identity_associations=self._identity(name, addon.name),
            resolve_conflicts_on_create="NONE" if args.existing else "OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*args.after, *before]),
        )

    def _identity(self, name: str, addon: str) -> list[aws.eks.AddonPodIdentityAssociationArgs] | None:
        rights: _Rights | None = _RIGHTS.get(addon)
        if rights is None:
            return None
        role = eks_role(f"{name}-{addon}-role", service=PODS, policies=[rights.policy], parent=self)
        return [
            aws.eks.AddonPodIdentityAssociationArgs(service_account=rights.service_account, role_arn=role)
        ]


def _configuration(addon: str, tags: Mapping[str, str]) -> dict[str, Any]:
    configurations: dict[str, dict[str, Any]] = {
        VPC_CNI: dict(NETWORK_POLICY),
        "aws-ebs-csi-driver": {"controller": {"extraVolumeTags": dict(tags)}},
        # The pods that mount the bucket are on GPU nodes, and not every version tolerates their taint unasked.
        "aws-mountpoint-s3-csi-driver": {"node": {"tolerateAllTaints": True}},
    }
    return configurations.get(addon, {})
