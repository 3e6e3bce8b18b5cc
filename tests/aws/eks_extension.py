"""What moto's EKS lacks: add-ons, access entries, pod identities, deletion protection, the cluster's security group.

It runs in the account's server. Each check is one that EKS makes.
"""

import base64
import os
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.eks import urls
from moto.eks.exceptions import (
    InvalidParameterException,
    InvalidRequestException,
)
from moto.eks.models import EKSBackend
from moto.eks.responses import EKSResponse
from moto.kms.models import kms_backends
from moto.moto_api._internal import mock_random

from tests.aws import eks_access, eks_addons
from tests.aws.eks_request import Request, missing, updated

_PATHS = (
    "addons",
    "addons/(?P<addonName>[^/]+)",
    "addons/(?P<addonName>[^/]+)/update",
    "access-entries",
    "access-entries/(?P<principalArn>.+)",
    "pod-identity-associations",
    "pod-identity-associations/(?P<associationId>[^/]+)",
    "updates",
    "node-groups/(?P<nodegroupName>[^/]+)/update-version",
)
_AUTHENTICATION = ("API", "API_AND_CONFIG_MAP", "CONFIG_MAP")


def extend() -> None:
    """Adds to moto, in this process, before its server starts."""
    for path in _PATHS:
        urls.url_paths["{0}/clusters/(?P<name>[^/]+)/" + path + "$"] = urls.response.dispatch
    for method in _ACTIONS:
        setattr(EKSResponse, method.__name__, method)
    _extend_backend()


def create_cluster(response: EKSResponse) -> ActionResult:
    request = Request(response)
    request.check_role(request.get("roleArn"))
    access = request.get("accessConfig", {})
    mode = access.get("authenticationMode", "CONFIG_MAP")
    if mode not in _AUTHENTICATION:
        raise InvalidParameterException(message=f"Unknown authentication mode {mode}")
    vpc = _check_network(request, request.get("resourcesVpcConfig"))
    for encrypted in request.get("encryptionConfig", []):
        _check_key(request, encrypted["provider"]["keyArn"])
    made = _seed_create_cluster(response)
    cluster = request.backend.clusters[request.get("name")]
    cluster.access_config = {"authenticationMode": mode}
    cluster.deletion_protection = bool(request.get("deletionProtection"))
    cluster.upgrade_policy = request.get("upgradePolicy", {"supportType": "EXTENDED"})
    cluster.zonal_shift_config = request.get("zonalShiftConfig", {"enabled": False})
    cluster.kubernetes_network_config.setdefault("ipFamily", "ipv4")
    cluster.addons, cluster.access_entries, cluster.access_policies = {}, {}, {}
    cluster.pod_identities = {}
    group = ec2_backends[request.account][request.region].create_security_group(
        f"eks-cluster-sg-{cluster.name}-{mock_random.get_random_hex(9)}",
        "EKS created security group applied to ENI that is attached to EKS Control Plane master nodes",
        vpc_id=vpc,
        tags={"aws:eks:cluster-name": cluster.name, f"kubernetes.io/cluster/{cluster.name}": "owned"},
    )
    cluster.resources_vpc_config = {
        "endpointPublicAccess": True,
        "endpointPrivateAccess": False,
        "securityGroupIds": [],
        **cluster.resources_vpc_config,
        "clusterSecurityGroupId": group.id,
        "vpcId": vpc,
    }
    _reach(cluster)
    return made


def _check_network(request: Request, config: dict[str, Any]) -> str:
    ec2 = ec2_backends[request.account][request.region]
    subnets = [ec2.get_subnet(subnet) for subnet in config["subnetIds"]]
    if len({subnet.availability_zone for subnet in subnets}) < 2:
        raise InvalidParameterException(message="Subnets specified must be in at least two different AZs")
    for group in config.get("securityGroupIds", []):
        if ec2.get_security_group_from_id(group) is None:
            raise InvalidParameterException(message=f"The security group ID '{group}' does not exist")
    public = config.get("endpointPublicAccess", True)
    if not public and not config.get("endpointPrivateAccess"):
        raise InvalidParameterException(message="Private and public endpoint access cannot be false")
    return str(subnets[0].vpc_id)


def _check_key(request: Request, arn: str) -> None:
    keys = kms_backends[request.account][request.region].keys
    if not any(key.arn == arn for key in keys.values()):
        raise InvalidParameterException(message=f"KMS key {arn} does not exist")


def _reach(cluster: Any) -> None:
    """The address and the certificate authority of the real cluster, where there is one."""
    if path := os.environ.get("TTS_KUBECONFIG"):
        from tests.aws.kubeconfig import read

        real = read(path)
        cluster.endpoint = real.server
        cluster.certificate_authority = {"data": base64.b64encode(real.authority).decode()}


def delete_cluster(response: EKSResponse) -> ActionResult:
    request = Request(response)
    cluster = request.cluster
    if cluster.deletion_protection:
        raise InvalidRequestException(
            message="Cluster deletion protection is enabled. Disable it before deleting the cluster."
        )
    if not cluster.nodegroups:
        # EKS leaves the group behind, without a word, when something still uses it: here that is refused.
        group = cluster.resources_vpc_config["clusterSecurityGroupId"]
        ec2_backends[request.account][request.region].delete_security_group(group_id=group)
    return _seed_delete_cluster(response)


def update_cluster_config(response: EKSResponse) -> ActionResult:
    request = Request(response)
    cluster = request.cluster
    sorts = [name for name in request.body if name not in ("clientRequestToken", "name")]
    if len(sorts) != 1:
        raise InvalidParameterException(message="Only one type of update can be allowed.")
    if "resourcesVpcConfig" in request.body:
        merged = {**cluster.resources_vpc_config, **request.body["resourcesVpcConfig"]}
        _check_network(request, merged)
        cluster.resources_vpc_config = merged
    elif "accessConfig" in request.body:
        wanted = request.body["accessConfig"]["authenticationMode"]
        if _AUTHENTICATION.index(wanted) > _AUTHENTICATION.index(cluster.access_config["authenticationMode"]):
            raise InvalidParameterException(message="The authentication mode cannot go back")
        cluster.access_config = {"authenticationMode": wanted}
    elif "deletionProtection" in request.body:
        cluster.deletion_protection = request.body["deletionProtection"]
    elif "logging" in request.body:
        cluster.logging = request.body["logging"]
    elif "upgradePolicy" in request.body:
        cluster.upgrade_policy = request.body["upgradePolicy"]
    elif "zonalShiftConfig" in request.body:
        cluster.zonal_shift_config = request.body["zonalShiftConfig"]
    else:
        raise InvalidParameterException(message=f"{sorts[0]}: this update is not rehearsed")
    return updated("ConfigUpdate")


def update_cluster_version(response: EKSResponse) -> ActionResult:
    request = Request(response)
    cluster, wanted = request.cluster, request.get("version")
    old, new = (int(version.partition(".")[2]) for version in (cluster.version, wanted))
    if new != old + 1:
        raise InvalidParameterException(
            message=f"Unsupported Kubernetes minor version update from {cluster.version} to {wanted}"
        )
    cluster.version = wanted
    return updated("VersionUpdate")


def update_nodegroup_version(response: EKSResponse) -> ActionResult:
    request = Request(response)
    group = request.backend.describe_nodegroup(request.cluster.name, request.get("nodegroupName"))
    if wanted := request.get("launchTemplate"):
        if wanted.get("id", group.launch_template["id"]) != group.launch_template["id"]:
            raise InvalidParameterException(message="You cannot specify a different launch template")
        group.launch_template = {**group.launch_template, "version": wanted["version"]}
    group.version = request.get("version", group.version)
    group.release_version = request.get("releaseVersion", group.release_version)
    return updated("VersionUpdate")


def create_nodegroup(response: EKSResponse) -> ActionResult:
    request = Request(response)
    request.check_role(request.get("nodeRole"))
    ec2 = ec2_backends[request.account][request.region]
    for subnet in request.get("subnets"):
        ec2.get_subnet(subnet)
    size = request.get("scalingConfig", {})
    if size and not size["minSize"] <= size["desiredSize"] <= size["maxSize"]:
        raise InvalidParameterException(
            message=f"desired capacity {size['desiredSize']} is not between the minimum and the maximum"
        )
    if request.get("version", request.cluster.version) != request.cluster.version:
        raise InvalidParameterException(
            message=f"Requested version does not match the cluster's {request.cluster.version}"
        )
    made = _seed_create_nodegroup(response)
    group = request.cluster.nodegroups[request.get("nodegroupName")]
    group.version = request.cluster.version
    group.release_version = request.get("releaseVersion", f"{group.version}.0-20260101")
    group.update_config = request.get("updateConfig", {"maxUnavailable": 1})
    return made


def _tagged(backend: EKSBackend, arn: str) -> dict[str, str]:
    for cluster in backend.clusters.values():
        if cluster.arn == arn:
            return cluster.tags  # type: ignore[no-any-return]
        for group in cluster.nodegroups.values():
            if group.arn == arn:
                return group.tags  # type: ignore[no-any-return]
        for found, key in (
            (cluster.addons, "addonArn"),
            (cluster.access_entries, "accessEntryArn"),
            (cluster.pod_identities, "associationArn"),
        ):
            for item in found.values():
                if item[key] == arn:
                    return item["tags"]  # type: ignore[no-any-return]
    raise missing(f"Resource {arn} was not found")


def _extend_backend() -> None:
    def tag_resource(self: EKSBackend, resource_arn: str, tags: dict[str, str]) -> None:
        _tagged(self, resource_arn).update(tags)

    def untag_resource(self: EKSBackend, resource_arn: str, tag_keys: list[str] | str) -> None:
        for key in [tag_keys] if isinstance(tag_keys, str) else tag_keys:
            _tagged(self, resource_arn).pop(key, None)

    def list_tags_for_resource(self: EKSBackend, resource_arn: str) -> dict[str, str]:
        return _tagged(self, resource_arn)

    for method in (tag_resource, untag_resource, list_tags_for_resource):
        setattr(EKSBackend, method.__name__, method)


_seed_create_cluster = EKSResponse.create_cluster
_seed_delete_cluster = EKSResponse.delete_cluster
_seed_create_nodegroup = EKSResponse.create_nodegroup

_ACTIONS = (
    *eks_access.ACTIONS,
    *eks_addons.ACTIONS,
    create_cluster,
    delete_cluster,
    update_cluster_config,
    update_cluster_version,
    update_nodegroup_version,
    create_nodegroup,
)
