"""Refusals of AWS that moto leaves out, most of them about what must go first. It runs in the account's server.

AWS refuses to delete what something else still uses; without this an order of deletion that would hang on AWS would
pass here.
"""

import json
from typing import Any

from moto.ec2.exceptions import DependencyViolationError, EC2ClientError
from moto.ec2.models import EC2Backend
from moto.ec2.models.instances import Instance
from moto.efs.models import EFSBackend
from moto.efs.responses import EFSResponse
from moto.eks.models import eks_backends
from moto.elbv2.exceptions import ELBClientError
from moto.elbv2.models import ELBv2Backend, elbv2_backends


def extend() -> None:
    """Changes moto, in this process, before its server starts."""
    for owner, replacement in (
        (EC2Backend, delete_nat_gateway),
        (EC2Backend, delete_subnet),
        (EC2Backend, delete_security_group),
        (EC2Backend, detach_internet_gateway),
        (EC2Backend, release_address),
        (EC2Backend, delete_vpc),
        (EC2Backend, run_instances),
        (Instance, terminate),
        (ELBv2Backend, delete_load_balancer),
        (EFSResponse, put_backup_policy),
        (EFSResponse, delete_file_system_policy),
    ):
        name = replacement.__name__
        _MOTO[name] = getattr(owner, name, None)
        setattr(owner, name, replacement)


_MOTO: dict[str, Any] = {}


def _balancers(backend: EC2Backend) -> list[Any]:
    return list(elbv2_backends[backend.account_id][backend.region_name].load_balancers.values())


def _clusters(backend: EC2Backend) -> list[Any]:
    return list(eks_backends[backend.account_id][backend.region_name].clusters.values())


def delete_nat_gateway(self: EC2Backend, nat_gateway_id: str) -> Any:
    """moto keeps the gateway's interface, and its hold on the address."""
    gateway = _MOTO["delete_nat_gateway"](self, nat_gateway_id)
    for address in self.addresses:
        if address.eni is gateway._eni:
            address.eni = None
            address.association_id = None
    self.enis.pop(gateway._eni.id, None)
    return gateway


def release_address(self: EC2Backend, address: str | None = None, allocation_id: str | None = None) -> None:
    for known in self.addresses:
        if known.allocation_id == allocation_id and known.eni is not None:
            raise EC2ClientError(
                "InvalidIPAddress.InUse", f"Address with allocation id {allocation_id} is in use."
            )
    _MOTO["release_address"](self, address, allocation_id)


def delete_subnet(self: EC2Backend, subnet_id: str) -> Any:
    users = [eni.id for eni in self.enis.values() if eni.subnet.id == subnet_id]
    users += [lb.arn for lb in _balancers(self) if subnet_id in [subnet.id for subnet in lb.subnets]]
    users += [item.arn for item in _clusters(self) if subnet_id in item.resources_vpc_config["subnetIds"]]
    if users:
        raise DependencyViolationError(
            f"The subnet '{subnet_id}' has dependencies and cannot be deleted: {', '.join(users)}"
        )
    return _MOTO["delete_subnet"](self, subnet_id)


def delete_security_group(self: EC2Backend, name: str | None = None, group_id: str | None = None) -> Any:
    group = self.get_security_group_from_id(group_id) if group_id else None
    if group is not None and group.name != "default":
        users = [eni.id for eni in self.enis.values() if group_id in [used.id for used in eni.group_set]]
        users += [lb.arn for lb in _balancers(self) if group_id in (lb.security_groups or [])]
        for other in self.groups.get(group.vpc_id, {}).values():
            rules = [*other.ingress_rules, *other.egress_rules]
            if other.id != group_id and group_id in [rule.source_group.get("GroupId") for rule in rules]:
                users.append(other.id)
        if users:
            raise DependencyViolationError(f"resource {group_id} has a dependent object: {', '.join(users)}")
    return _MOTO["delete_security_group"](self, name, group_id)


def detach_internet_gateway(self: EC2Backend, internet_gateway_id: str, vpc_id: str) -> None:
    public = [
        gateway.id
        for gateway in self.nat_gateways.values()
        if gateway.vpc_id == vpc_id and gateway.state != "deleted" and gateway.connectivity_type != "private"
    ]
    public += [lb.arn for lb in _balancers(self) if lb.vpc_id == vpc_id and lb.scheme == "internet-facing"]
    if public:
        raise DependencyViolationError(
            f"Network {vpc_id} has some mapped public address(es): {', '.join(public)}"
        )
    _MOTO["detach_internet_gateway"](self, internet_gateway_id, vpc_id)


def delete_vpc(self: EC2Backend, vpc_id: str) -> Any:
    users = [
        gateway.id for gateway in self.internet_gateways.values() if gateway.vpc and gateway.vpc.id == vpc_id
    ]
    users += [group.id for group in self.groups.get(vpc_id, {}).values() if group.name != "default"]
    users += [
        item.id for item in self.vpc_end_points.values() if item.vpc_id == vpc_id and item.state != "deleted"
    ]
    if users:
        raise DependencyViolationError(
            f"The vpc '{vpc_id}' has dependencies and cannot be deleted: {', '.join(users)}"
        )
    return _MOTO["delete_vpc"](self, vpc_id)


def run_instances(self: EC2Backend, *args: Any, **kwargs: Any) -> Any:
    """moto gives an instance a root volume of its own besides the one of its launch template."""
    if kwargs.get("launch_template") and "block_device_mappings" not in kwargs:
        mappings = self._get_template_from_args(kwargs["launch_template"]).data.get("BlockDeviceMappings")
        if mappings:
            kwargs["block_device_mappings"] = mappings
    return _MOTO["run_instances"](self, *args, **kwargs)


def terminate(self: Instance) -> Any:
    """moto keeps the instance's own interface, which AWS deletes with it."""
    interfaces = [interface.id for interface in self.nics.values()]
    state = _MOTO["terminate"](self)
    for interface in interfaces:
        self.ec2_backend.enis.pop(interface, None)
    return state


def delete_load_balancer(self: ELBv2Backend, arn: str) -> None:
    balancer = self.load_balancers.get(arn)
    if balancer is not None and balancer.attrs.get("deletion_protection.enabled") == "true":
        raise ELBClientError(
            "OperationNotPermitted",
            f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled",
        )
    _MOTO["delete_load_balancer"](self, arn)


def _file_system(response: EFSResponse) -> Any:
    backend: EFSBackend = response.efs_backend
    identity = response._get_param("FileSystemId")
    backend.describe_file_systems(file_system_id=identity)
    return backend.file_systems_by_id[identity]


def put_backup_policy(self: EFSResponse) -> Any:
    policy = json.loads(self.body)["BackupPolicy"]
    _file_system(self)._backup = policy["Status"] == "ENABLED"
    return json.dumps({"BackupPolicy": policy}), {"Content-Type": "application/json"}


def delete_file_system_policy(self: EFSResponse) -> Any:
    _file_system(self).file_system_policy = None
    return "{}", {"Content-Type": "application/json"}
