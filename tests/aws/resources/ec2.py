"""EC2's networking: VPCs and what stands in them."""

from typing import Any

from tests.aws.resources.kind import (
    HANDLED,
    Call,
    Inputs,
    Kind,
    fields_of,
    known,
    parameters,
    tag_list,
    tags_gone,
)

ACCOUNT = "123456789012"
"""moto's account number."""


def arn(call: Call, resource: str) -> str:
    return f"arn:aws:ec2:{call.region}:{ACCOUNT}:{resource}"


def specifications(call: Call, resource_type: str) -> list[dict[str, Any]]:
    if not call.tags:
        return []
    return [{"ResourceType": resource_type, "Tags": tag_list(call.tags)}]


class Ec2Kind(Kind):
    """A thing of EC2: tags come with the creation, and change by the thing's id."""

    tagged = True

    def update(self, call: Call) -> None:
        self.change(call)
        ec2 = call.client("ec2")
        if gone := tags_gone(call):
            ec2.delete_tags(Resources=[call.id], Tags=[{"Key": key} for key in gone])
        if call.tags != call.old_tags:
            ec2.create_tags(Resources=[call.id], Tags=tag_list(call.tags))

    def change(self, call: Call) -> None:
        """What an update does besides the tags."""


class Vpc(Ec2Kind):
    resource_type = "aws:ec2/vpc:Vpc"
    fields = known(
        {
            **fields_of("cidrBlock", "instanceTenancy"),
            "enableDnsHostnames": HANDLED,
            "enableDnsSupport": HANDLED,
        }
    )
    replaces = frozenset({"cidrBlock"})
    computed = (
        "arn",
        "defaultNetworkAclId",
        "defaultRouteTableId",
        "defaultSecurityGroupId",
        "mainRouteTableId",
        "ownerId",
    )

    def create(self, call: Call) -> str:
        ec2 = call.client("ec2")
        made = ec2.create_vpc(
            **parameters(self.fields, call.inputs), TagSpecifications=specifications(call, "vpc")
        )
        call.id = made["Vpc"]["VpcId"]
        self.change(call)
        return call.id

    def change(self, call: Call) -> None:
        for name in ("enableDnsSupport", "enableDnsHostnames"):
            if name in call.inputs and call.changed(name):
                attribute = {name[0].upper() + name[1:]: {"Value": call.inputs[name]}}
                call.client("ec2").modify_vpc_attribute(VpcId=call.id, **attribute)

    def read(self, call: Call) -> Inputs:
        ec2 = call.client("ec2")
        vpc = ec2.describe_vpcs(VpcIds=[call.id])["Vpcs"][0]
        mine = [{"Name": "vpc-id", "Values": [call.id]}]
        main = ec2.describe_route_tables(Filters=[*mine, {"Name": "association.main", "Values": ["true"]}])
        table = main["RouteTables"][0]["RouteTableId"]
        groups = ec2.describe_security_groups(Filters=[*mine, {"Name": "group-name", "Values": ["default"]}])
        lists = ec2.describe_network_acls(Filters=[*mine, {"Name": "default", "Values": ["true"]}])
        return {
            "arn": arn(call, f"vpc/{call.id}"),
            "ownerId": vpc.get("OwnerId", ACCOUNT),
            "mainRouteTableId": table,
            "defaultRouteTableId": table,
            "defaultSecurityGroupId": groups["SecurityGroups"][0]["GroupId"],
            "defaultNetworkAclId": lists["NetworkAcls"][0]["NetworkAclId"],
        }

    def delete(self, call: Call) -> None:
        call.client("ec2").delete_vpc(VpcId=call.id)


class Subnet(Ec2Kind):
    resource_type = "aws:ec2/subnet:Subnet"
    fields = known(
        {
            **fields_of("cidrBlock", "availabilityZone", "vpcId"),
            "mapPublicIpOnLaunch": HANDLED,
        }
    )
    replaces = frozenset({"cidrBlock", "availabilityZone", "vpcId"})
    computed = ("arn", "availabilityZoneId", "ownerId")

    def create(self, call: Call) -> str:
        ec2 = call.client("ec2")
        made = ec2.create_subnet(
            **parameters(self.fields, call.inputs), TagSpecifications=specifications(call, "subnet")
        )
        call.id = made["Subnet"]["SubnetId"]
        self.change(call)
        return call.id

    def change(self, call: Call) -> None:
        if call.changed("mapPublicIpOnLaunch"):
            value = {"Value": bool(call.inputs.get("mapPublicIpOnLaunch"))}
            call.client("ec2").modify_subnet_attribute(SubnetId=call.id, MapPublicIpOnLaunch=value)

    def read(self, call: Call) -> Inputs:
        found = call.client("ec2").describe_subnets(SubnetIds=[call.id])["Subnets"][0]
        return {
            "arn": arn(call, f"subnet/{call.id}"),
            "ownerId": ACCOUNT,
            "availabilityZone": found["AvailabilityZone"],
            "availabilityZoneId": found["AvailabilityZoneId"],
        }

    def delete(self, call: Call) -> None:
        call.client("ec2").delete_subnet(SubnetId=call.id)


class InternetGateway(Ec2Kind):
    resource_type = "aws:ec2/internetGateway:InternetGateway"
    fields = known({"vpcId": HANDLED})
    replaces = frozenset({"vpcId"})
    computed = ("arn", "ownerId")

    def create(self, call: Call) -> str:
        ec2 = call.client("ec2")
        made = ec2.create_internet_gateway(TagSpecifications=specifications(call, "internet-gateway"))
        gateway = str(made["InternetGateway"]["InternetGatewayId"])
        if "vpcId" in call.inputs:
            ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=call.inputs["vpcId"])
        return gateway

    def read(self, call: Call) -> Inputs:
        call.client("ec2").describe_internet_gateways(InternetGatewayIds=[call.id])
        return {"arn": arn(call, f"internet-gateway/{call.id}"), "ownerId": ACCOUNT}

    def delete(self, call: Call) -> None:
        ec2 = call.client("ec2")
        if "vpcId" in call.inputs:
            ec2.detach_internet_gateway(InternetGatewayId=call.id, VpcId=call.inputs["vpcId"])
        ec2.delete_internet_gateway(InternetGatewayId=call.id)


ALL: list[Kind] = [Vpc(), Subnet(), InternetGateway()]
