"""A control plane of the stack's own.

- Access is by access entries only (`API`): no ConfigMap that a slip can lock everybody out with. Who makes the cluster
  is an administrator, and so is each principal in `admins`.
- The endpoint is private always, and public only to the networks given; the whole internet is refused. With none
  given, whoever runs `pulumi up` does so from inside the VPC or a network that is joined to it.
- Secrets are encrypted with a KMS key of the cluster's own, rotated yearly, kept 30 days after a destroy.
- Logs of `api`, `audit` and `authenticator` are kept 90 days: who did what, and who was refused. Those of the
  controller manager and the scheduler are bulky, and Events and metrics say the same.
- Kubernetes is upgraded by a person who changes the version here, never by AWS (`EXTENDED`): a version that Contour and
  the add-ons are not tested on would otherwise arrive on a date of AWS's choosing, and a control plane cannot go
  back. The price: past 14 months of standard support AWS charges more for the cluster.

AWS: https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html,
https://docs.aws.amazon.com/eks/latest/userguide/cluster-endpoint.html,
https://docs.aws.amazon.com/eks/latest/userguide/envelope-encryption.html,
https://docs.aws.amazon.com/eks/latest/userguide/control-plane-logs.html,
https://docs.aws.amazon.com/eks/latest/userguide/view-upgrade-policy.html
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Final

import pulumi
import pulumi_aws as aws

from components.eks_role import eks_role
from components.subnets import is_private

LOG_TYPES: Final = ("api", "audit", "authenticator")
LOG_RETENTION_DAYS: Final = 90
KEY_DELETION_DAYS: Final = 30
"""How long a destroyed cluster's key can be had back; the longest that KMS knows."""

_ADMIN_POLICY: Final = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"


@dataclass(frozen=True, kw_only=True)
class EksControlPlaneArgs:
    """What an environment decides about its control plane."""

    cluster_name: str
    kubernetes_version: str
    """Such as 1.34."""

    subnet_ids: Sequence[pulumi.Input[str]]
    """Private ones, in two zones at least."""

    service_cidr: str
    """The range of Services; EKS would otherwise choose one that may overlap with a joined network."""

    api_cidrs: tuple[str, ...]
    """Networks that may reach the API server from outside; none keeps it private."""

    admins: tuple[str, ...]
    """ARNs of IAM principals who administer the cluster, besides the one who makes it."""

    deletion_protection: bool
    """Whether AWS refuses to delete the cluster."""


class EksControlPlane(pulumi.ComponentResource):
    """The cluster without nodes: its role, its key, its logs, and who may enter."""

    cluster_name: pulumi.Output[str]

    endpoint: pulumi.Output[str]
    """URL of the API server."""

    certificate_authority: pulumi.Output[str]
    """Of the API server, in base64."""

    security_group_id: pulumi.Output[str]
    """The group that EKS makes and puts the control plane's interfaces and the nodes in."""

    def __init__(self, name: str, args: EksControlPlaneArgs, opts: pulumi.ResourceOptions | None = None):
        _refuse_open_api(args.api_cidrs)
        super().__init__("tts-platform:eks:ControlPlane", name, None, opts)

        logs = self._log_group(name, args.cluster_name)
        key = self._key(name, args.cluster_name)
        cluster = self._cluster(name, args, key, logs)
        admins = self._admins(name, args.admins, cluster)

        self.cluster_name = cluster.name
        self.certificate_authority = cluster.certificate_authority.apply(lambda found: found.data or "")
        self.security_group_id = cluster.vpc_config.apply(lambda found: found.cluster_security_group_id or "")
        rules = self._private_access(name, args.api_cidrs, self.security_group_id)
        # Whoever uses the endpoint comes after what lets them in, and goes before it.
        let_in = [resource.id for resource in (*admins, *rules)]
        self.endpoint = pulumi.Output.all(cluster.endpoint, *let_in).apply(lambda values: str(values[0]))
        self.register_outputs(
            {
                "cluster_name": self.cluster_name,
                "endpoint": self.endpoint,
                "certificate_authority": self.certificate_authority,
                "security_group_id": self.security_group_id,
            }
        )

    def _log_group(self, name: str, cluster: str) -> aws.cloudwatch.LogGroup:
        # EKS makes the group by this name if it is not there: kept for ever, and left behind by a destroy.
        return aws.cloudwatch.LogGroup(
            f"{name}-logs",
            name=f"/aws/eks/{cluster}/cluster",
            retention_in_days=LOG_RETENTION_DAYS,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _key(self, name: str, cluster: str) -> aws.kms.Key:
        key = aws.kms.Key(
            f"{name}-key",
            description=f"Secrets of the EKS cluster {cluster}",
            enable_key_rotation=True,
            deletion_window_in_days=KEY_DELETION_DAYS,
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.kms.Alias(
            f"{name}-key-alias",
            name=f"alias/eks/{cluster}",
            target_key_id=key.key_id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return key

    def _cluster(
        self, name: str, args: EksControlPlaneArgs, key: aws.kms.Key, logs: aws.cloudwatch.LogGroup
    ) -> aws.eks.Cluster:
        role = eks_role(
            f"{name}-role", service="eks.amazonaws.com", policies=["AmazonEKSClusterPolicy"], parent=self
        )
        public = [cidr for cidr in args.api_cidrs if not is_private(cidr)]
        return aws.eks.Cluster(
            f"{name}-cluster",
            name=args.cluster_name,
            role_arn=role,
            version=args.kubernetes_version,
            vpc_config=aws.eks.ClusterVpcConfigArgs(
                subnet_ids=list(args.subnet_ids),
                endpoint_private_access=True,
                endpoint_public_access=bool(public),
                public_access_cidrs=public or None,
            ),
            kubernetes_network_config=aws.eks.ClusterKubernetesNetworkConfigArgs(
                ip_family="ipv4", service_ipv4_cidr=args.service_cidr
            ),
            access_config=aws.eks.ClusterAccessConfigArgs(
                authentication_mode="API", bootstrap_cluster_creator_admin_permissions=True
            ),
            encryption_config=aws.eks.ClusterEncryptionConfigArgs(
                provider=aws.eks.ClusterEncryptionConfigProviderArgs(key_arn=key.arn), resources=["secrets"]
            ),
            enabled_cluster_log_types=list(LOG_TYPES),
            upgrade_policy=aws.eks.ClusterUpgradePolicyArgs(support_type="EXTENDED"),
            deletion_protection=args.deletion_protection,
            # The managed add-ons take their place, from the first node on.
            bootstrap_self_managed_addons=False,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[logs]),
        )

    def _admins(
        self, name: str, admins: Sequence[str], cluster: aws.eks.Cluster
    ) -> list[aws.eks.AccessPolicyAssociation]:
        associations = []
        for arn in admins:
            # Named after whom it lets in: leaving one out of the list takes away nobody else's access.
            who = ":".join(arn.split(":")[4:])
            entry = aws.eks.AccessEntry(
                f"{name}-admin-{who}",
                cluster_name=cluster.name,
                principal_arn=arn,
                opts=pulumi.ResourceOptions(parent=self),
            )
            associations.append(
                aws.eks.AccessPolicyAssociation(
                    f"{name}-admin-{who}",
                    cluster_name=cluster.name,
                    principal_arn=entry.principal_arn,
                    policy_arn=_ADMIN_POLICY,
                    access_scope=aws.eks.AccessPolicyAssociationAccessScopeArgs(type="cluster"),
                    opts=pulumi.ResourceOptions(parent=self),
                )
            )
        return associations

    def _private_access(
        self, name: str, cidrs: Sequence[str], security_group_id: pulumi.Input[str]
    ) -> list[aws.vpc.SecurityGroupIngressRule]:
        """The private endpoint is behind the cluster's security group, which lets in only the nodes by itself."""
        return [
            aws.vpc.SecurityGroupIngressRule(
                f"{name}-api-from-{cidr}",
                security_group_id=security_group_id,
                description="Kubernetes API",
                ip_protocol="tcp",
                from_port=443,
                to_port=443,
                cidr_ipv4=cidr,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for cidr in cidrs
            if is_private(cidr)
        ]


def _refuse_open_api(cidrs: Sequence[str]) -> None:
    for cidr in cidrs:
        if ip_network(cidr).prefixlen == 0:
            raise ValueError(
                f"{cidr} opens the Kubernetes API to the internet; name your own networks, or none"
            )
