"""Everything in an account, over the services that the platform uses."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Client = Callable[[str], Any]

_MARKS = ("eks:nodegroup-name", "aws:eks:cluster-name")


@dataclass(frozen=True)
class Thing:
    """One thing that is there."""

    type: str
    id: str
    tags: Mapping[str, str] | None
    """None where AWS offers none for the type, or where only AWS could set them."""

    @property
    def made_by_aws(self) -> bool:
        """What EKS makes for a cluster or a node group bears its marks. Instances and volumes are the team's to tag."""
        return self.type not in ("ec2:instance", "ec2:volume") and any(
            mark in (self.tags or {}) for mark in _MARKS
        )


def things(client: Client) -> Iterator[Thing]:
    for service in (_ec2, _autoscaling, _eks, _elb, _iam, _kms, _logs, _route53, _efs, _s3, _dlm):
        yield from service(client)


def _tags(item: Mapping[str, Any], key: str = "Tags") -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in item.get(key) or []}


def _ec2(client: Client) -> Iterator[Thing]:
    ec2 = client("ec2")
    for kind, method, identity in (
        ("vpc", "describe_vpcs", "VpcId"),
        ("subnet", "describe_subnets", "SubnetId"),
        ("internet-gateway", "describe_internet_gateways", "InternetGatewayId"),
        ("elastic-ip", "describe_addresses", "AllocationId"),
        ("launch-template", "describe_launch_templates", "LaunchTemplateId"),
        ("volume", "describe_volumes", "VolumeId"),
        ("snapshot", "describe_snapshots", "SnapshotId"),
        ("flow-log", "describe_flow_logs", "FlowLogId"),
    ):
        arguments = {"OwnerIds": ["self"]} if kind == "snapshot" else {}
        answer = getattr(ec2, method)(**arguments)
        (listed,) = [value for value in answer.values() if isinstance(value, list)] or [[]]
        for item in listed:
            yield Thing(f"ec2:{kind}", item[identity], _tags(item))
    for item in ec2.describe_nat_gateways()["NatGateways"]:
        if item["State"] != "deleted":
            yield Thing("ec2:nat-gateway", item["NatGatewayId"], _tags(item))
    for item in ec2.describe_route_tables()["RouteTables"]:
        # A VPC's main one comes and goes with it.
        if not any(association.get("Main") for association in item["Associations"]):
            yield Thing("ec2:route-table", item["RouteTableId"], _tags(item))
    for item in ec2.describe_security_groups()["SecurityGroups"]:
        if item["GroupName"] != "default":
            yield Thing("ec2:security-group", item["GroupId"], _tags(item))
    for item in ec2.describe_network_interfaces()["NetworkInterfaces"]:
        yield Thing("ec2:network-interface", item["NetworkInterfaceId"], None)
    for item in ec2.describe_vpc_endpoints()["VpcEndpoints"]:
        if item["State"].lower() != "deleted":
            yield Thing("ec2:vpc-endpoint", item["VpcEndpointId"], _tags(item))
    for reservation in ec2.describe_instances()["Reservations"]:
        for item in reservation["Instances"]:
            if item["State"]["Name"] != "terminated":
                yield Thing("ec2:instance", item["InstanceId"], _tags(item))


def _autoscaling(client: Client) -> Iterator[Thing]:
    autoscaling = client("autoscaling")
    for item in autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"]:
        yield Thing("autoscaling:group", item["AutoScalingGroupName"], _tags(item))
    for item in autoscaling.describe_scheduled_actions()["ScheduledUpdateGroupActions"]:
        yield Thing("autoscaling:scheduled-action", item["ScheduledActionName"], None)


def _eks(client: Client) -> Iterator[Thing]:
    eks = client("eks")
    for name in eks.list_clusters()["clusters"]:
        yield Thing("eks:cluster", name, eks.describe_cluster(name=name)["cluster"].get("tags", {}))
        for group in eks.list_nodegroups(clusterName=name)["nodegroups"]:
            found = eks.describe_nodegroup(clusterName=name, nodegroupName=group)["nodegroup"]
            yield Thing("eks:node-group", f"{name}/{group}", found.get("tags", {}))
        for addon in eks.list_addons(clusterName=name)["addons"]:
            found = eks.describe_addon(clusterName=name, addonName=addon)["addon"]
            yield Thing("eks:addon", f"{name}/{addon}", found.get("tags", {}))
        for principal in eks.list_access_entries(clusterName=name)["accessEntries"]:
            found = eks.describe_access_entry(clusterName=name, principalArn=principal)["accessEntry"]
            yield Thing("eks:access-entry", f"{name}/{principal}", found.get("tags", {}))
        for listed in eks.list_pod_identity_associations(clusterName=name)["associations"]:
            identity = listed["associationId"]
            found = eks.describe_pod_identity_association(clusterName=name, associationId=identity)[
                "association"
            ]
            # Those of an add-on are made by EKS.
            tags = None if found.get("ownerArn") else found.get("tags", {})
            yield Thing("eks:pod-identity-association", f"{name}/{identity}", tags)


def _elb(client: Client) -> Iterator[Thing]:
    elb = client("elbv2")

    def tags(arn: str) -> dict[str, str]:
        return _tags(elb.describe_tags(ResourceArns=[arn])["TagDescriptions"][0])

    for balancer in elb.describe_load_balancers()["LoadBalancers"]:
        arn = balancer["LoadBalancerArn"]
        yield Thing("elb:load-balancer", arn, tags(arn))
        for listener in elb.describe_listeners(LoadBalancerArn=arn)["Listeners"]:
            yield Thing("elb:listener", listener["ListenerArn"], tags(listener["ListenerArn"]))
    for group in elb.describe_target_groups()["TargetGroups"]:
        yield Thing("elb:target-group", group["TargetGroupArn"], tags(group["TargetGroupArn"]))


def _iam(client: Client) -> Iterator[Thing]:
    iam = client("iam")
    for role in iam.list_roles()["Roles"]:
        if not role["Path"].startswith("/aws-service-role/"):
            yield Thing("iam:role", role["RoleName"], _tags(iam.list_role_tags(RoleName=role["RoleName"])))
    for policy in iam.list_policies(Scope="Local")["Policies"]:
        yield Thing("iam:policy", policy["Arn"], _tags(iam.list_policy_tags(PolicyArn=policy["Arn"])))


def _kms(client: Client) -> Iterator[Thing]:
    kms = client("kms")
    for listed in kms.list_keys()["Keys"]:
        key = kms.describe_key(KeyId=listed["KeyId"])["KeyMetadata"]
        # A key that waits for its deletion costs nothing, and no call makes it go sooner. moto's "Default master key"
        # is AWS's own for EBS, made with the first encrypted volume.
        if not key["Description"].startswith("Default master key") and key["KeyState"] != "PendingDeletion":
            tags = kms.list_resource_tags(KeyId=listed["KeyId"])["Tags"]
            yield Thing("kms:key", listed["KeyId"], {tag["TagKey"]: tag["TagValue"] for tag in tags})
    for alias in kms.list_aliases()["Aliases"]:
        if not alias["AliasName"].startswith("alias/aws/"):
            yield Thing("kms:alias", alias["AliasName"], None)


def _logs(client: Client) -> Iterator[Thing]:
    logs = client("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        arn = group["arn"].removesuffix(":*")
        yield Thing(
            "logs:log-group", group["logGroupName"], logs.list_tags_for_resource(resourceArn=arn)["tags"]
        )


def _route53(client: Client) -> Iterator[Thing]:
    route53 = client("route53")
    for zone in route53.list_hosted_zones()["HostedZones"]:
        yield Thing("route53:zone", zone["Id"].rpartition("/")[2], None)
        for record in route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]:
            if record["Type"] not in ("NS", "SOA"):
                yield Thing("route53:record", f"{record['Name']} {record['Type']}", None)


def _efs(client: Client) -> Iterator[Thing]:
    efs = client("efs")
    for system in efs.describe_file_systems()["FileSystems"]:
        identity = system["FileSystemId"]
        yield Thing("efs:file-system", identity, _tags(system))
        for target in efs.describe_mount_targets(FileSystemId=identity)["MountTargets"]:
            yield Thing("efs:mount-target", target["MountTargetId"], None)


def _s3(client: Client) -> Iterator[Thing]:
    s3 = client("s3")
    for bucket in s3.list_buckets()["Buckets"]:
        name = bucket["Name"]
        try:
            tags = _tags(s3.get_bucket_tagging(Bucket=name), "TagSet")
        except s3.exceptions.ClientError:
            tags = {}
        yield Thing("s3:bucket", name, tags)


def _dlm(client: Client) -> Iterator[Thing]:
    for policy in client("dlm").get_lifecycle_policies()["Policies"]:
        yield Thing("dlm:policy", policy["PolicyId"], policy["Tags"])
