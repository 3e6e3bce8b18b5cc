"""What is known of an EKS cluster that somebody else made. It is read, and never changed.

AWS: https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeCluster.html,
https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeAddon.html
"""

import json
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pulumi
import pulumi_aws as aws

from components.aws_lookup import look_up
from components.eks_addon import VITAL_ADDONS, Addon
from components.eks_addons import NETWORK_POLICY, VPC_CNI

# As the API says it, and as the provider does.
_ABSENT = ("ResourceNotFoundException", "couldn't find resource")


@dataclass(frozen=True)
class ExistingCluster:
    """A running cluster, as AWS describes it."""

    cluster_name: str
    kubernetes_version: str
    vpc_id: str
    endpoint: str
    certificate_authority: str
    """In base64."""

    security_group_id: str
    """EKS's own, which the control plane and the nodes share."""

    access_entries: bool
    """Whether principals are let in by access entries; otherwise by the ConfigMap `aws-auth` alone."""


def find_cluster(name: str, parent: pulumi.Resource) -> ExistingCluster:
    """The cluster of this name; fails where there is none."""
    found = look_up(lambda: aws.eks.get_cluster(name=name, opts=pulumi.InvokeOptions(parent=parent)), _ABSENT)
    if found is None:
        raise pulumi.RunError(
            f"tts-platform:eksCluster: there is no EKS cluster {name} in this account and region. "
            "Write the name of one, or take eksCluster out to make one."
        )
    return ExistingCluster(
        cluster_name=found.name,
        kubernetes_version=found.version,
        vpc_id=found.vpc_config.vpc_id,
        endpoint=found.endpoint,
        certificate_authority=found.certificate_authorities[0].data,
        security_group_id=found.vpc_config.cluster_security_group_id,
        access_entries=any("API" in access.authentication_mode for access in found.access_configs),
    )


def missing_addons(
    cluster: str, addons: Iterable[Addon], own: frozenset[str], parent: pulumi.Resource
) -> Sequence[Addon]:
    """Those that the cluster has not, and those that it has from this stack (`own`).

    Never one that the cluster cannot do without: it has that from elsewhere, and a destroy would take its network.

    Warns when the CNI is somebody else's and leaves NetworkPolicies unenforced.
    """
    missing = []
    for addon in addons:
        if addon.name in own:
            missing.append(addon)
            continue
        found = look_up(partial(_addon, cluster, addon.name, parent), _ABSENT)
        if found is None and addon.name in VITAL_ADDONS:
            if addon.name == VPC_CNI:
                pulumi.log.warn(
                    f"{cluster} has no managed {VPC_CNI}: see that its CNI enforces NetworkPolicies", parent
                )
        elif found is None:
            missing.append(addon)
        elif addon.name == VPC_CNI:
            _warn_unless_enforced(cluster, found.configuration_values, parent)
    return missing


def _addon(cluster: str, name: str, parent: pulumi.Resource) -> aws.eks.GetAddonResult:
    return aws.eks.get_addon(cluster_name=cluster, addon_name=name, opts=pulumi.InvokeOptions(parent=parent))


def _warn_unless_enforced(cluster: str, values: str | None, parent: pulumi.Resource) -> None:
    configuration: dict[str, Any] = json.loads(values) if values else {}
    (key,) = NETWORK_POLICY
    if str(configuration.get(key, "")).lower() == "true":
        return
    # An update replaces all the values, so those that are there go along.
    wanted = shlex.quote(json.dumps({**configuration, **NETWORK_POLICY}))
    pulumi.log.warn(
        f"NetworkPolicies are not enforced on the EKS cluster {cluster}; run: aws eks update-addon"
        f" --cluster-name {cluster} --addon-name {VPC_CNI} --resolve-conflicts PRESERVE"
        f" --configuration-values {wanted}",
        parent,
    )
