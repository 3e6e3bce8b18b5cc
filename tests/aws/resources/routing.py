"""EC2's ways out of a subnet: addresses, NAT gateways, routes, endpoints; and the log of what went along them."""

from tests.aws.resources.ec2 import ACCOUNT, Ec2Kind, arn, specifications
from tests.aws.resources.kind import (
    HANDLED,
    Call,
    Converted,
    Gone,
    Inputs,
    Kind,
    Unrehearsed,
    as_json,
    fields_of,
    known,
    parameters,
)


class Eip(Ec2Kind):
    resource_type = "aws:ec2/eip:Eip"
    fields = fields_of("domain")
    replaces = frozenset({"domain"})
    computed = ("allocationId", "arn", "publicIp")

    def create(self, call: Call) -> str:
        made = call.client("ec2").allocate_address(
            **parameters(self.fields, call.inputs), TagSpecifications=specifications(call, "elastic-ip")
        )
        return str(made["AllocationId"])

    def read(self, call: Call) -> Inputs:
        found = call.client("ec2").describe_addresses(AllocationIds=[call.id])["Addresses"][0]
        return {
            "allocationId": call.id,
            "publicIp": found["PublicIp"],
            "arn": arn(call, f"elastic-ip/{call.id}"),
        }

    def delete(self, call: Call) -> None:
        call.client("ec2").release_address(AllocationId=call.id)


class NatGateway(Ec2Kind):
    resource_type = "aws:ec2/natGateway:NatGateway"
    fields = fields_of("allocationId", "connectivityType", "subnetId")
    replaces = frozenset({"allocationId", "connectivityType", "subnetId"})
    computed = ("associationId", "networkInterfaceId", "privateIp", "publicIp")

    def create(self, call: Call) -> str:
        made = call.client("ec2").create_nat_gateway(
            **parameters(self.fields, call.inputs), TagSpecifications=specifications(call, "natgateway")
        )
        return str(made["NatGateway"]["NatGatewayId"])

    def read(self, call: Call) -> Inputs:
        found = call.client("ec2").describe_nat_gateways(NatGatewayIds=[call.id])["NatGateways"]
        if not found or found[0]["State"] == "deleted":
            raise Gone
        address = found[0]["NatGatewayAddresses"][0]
        return {
            "associationId": address["AssociationId"],
            "networkInterfaceId": address["NetworkInterfaceId"],
            "privateIp": address["PrivateIp"],
            "publicIp": address["PublicIp"],
        }

    def delete(self, call: Call) -> None:
        call.client("ec2").delete_nat_gateway(NatGatewayId=call.id)


class RouteTable(Ec2Kind):
    resource_type = "aws:ec2/routeTable:RouteTable"
    fields = fields_of("vpcId")
    replaces = frozenset({"vpcId"})
    computed = ("arn", "ownerId")

    def create(self, call: Call) -> str:
        made = call.client("ec2").create_route_table(
            **parameters(self.fields, call.inputs), TagSpecifications=specifications(call, "route-table")
        )
        return str(made["RouteTable"]["RouteTableId"])

    def read(self, call: Call) -> Inputs:
        call.client("ec2").describe_route_tables(RouteTableIds=[call.id])
        return {"arn": arn(call, f"route-table/{call.id}"), "ownerId": ACCOUNT}

    def delete(self, call: Call) -> None:
        call.client("ec2").delete_route_table(RouteTableId=call.id)


class Route(Kind):
    resource_type = "aws:ec2/route:Route"
    fields = fields_of("destinationCidrBlock", "gatewayId", "natGatewayId", "routeTableId")
    replaces = frozenset({"destinationCidrBlock", "routeTableId"})
    computed = ("state", "origin")

    def create(self, call: Call) -> str:
        call.client("ec2").create_route(**parameters(self.fields, call.inputs))
        return f"r-{call.inputs['routeTableId']}-{call.inputs['destinationCidrBlock']}"

    def read(self, call: Call) -> Inputs:
        tables = call.client("ec2").describe_route_tables(RouteTableIds=[call.inputs["routeTableId"]])
        for route in tables["RouteTables"][0]["Routes"]:
            if route.get("DestinationCidrBlock") == call.inputs["destinationCidrBlock"]:
                return {"state": route.get("State", "active"), "origin": route.get("Origin", "CreateRoute")}
        raise Gone

    def update(self, call: Call) -> None:
        call.client("ec2").replace_route(**parameters(self.fields, call.inputs))

    def delete(self, call: Call) -> None:
        call.client("ec2").delete_route(
            RouteTableId=call.inputs["routeTableId"], DestinationCidrBlock=call.inputs["destinationCidrBlock"]
        )


class RouteTableAssociation(Kind):
    resource_type = "aws:ec2/routeTableAssociation:RouteTableAssociation"
    fields = fields_of("routeTableId", "subnetId")
    replaces = frozenset({"subnetId"})

    def create(self, call: Call) -> str:
        made = call.client("ec2").associate_route_table(**parameters(self.fields, call.inputs))
        return str(made["AssociationId"])

    def read(self, call: Call) -> Inputs:
        tables = call.client("ec2").describe_route_tables(RouteTableIds=[call.inputs["routeTableId"]])
        associations = tables["RouteTables"][0]["Associations"]
        if not any(item["RouteTableAssociationId"] == call.id for item in associations):
            raise Gone
        return {}

    def delete(self, call: Call) -> None:
        call.client("ec2").disassociate_route_table(AssociationId=call.id)


class VpcEndpoint(Ec2Kind):
    resource_type = "aws:ec2/vpcEndpoint:VpcEndpoint"
    fields = known(
        {
            **fields_of("routeTableIds", "serviceName", "vpcEndpointType", "vpcId"),
            "policy": Converted("PolicyDocument", as_json),
        }
    )
    replaces = frozenset({"serviceName", "vpcEndpointType", "vpcId"})
    computed = ("arn", "prefixListId", "state")

    def create(self, call: Call) -> str:
        if call.inputs.get("vpcEndpointType", "Gateway") != "Gateway":
            raise Unrehearsed("an endpoint that is no gateway is not rehearsed")
        made = call.client("ec2").create_vpc_endpoint(
            **parameters(self.fields, call.inputs), TagSpecifications=specifications(call, "vpc-endpoint")
        )
        return str(made["VpcEndpoint"]["VpcEndpointId"])

    def change(self, call: Call) -> None:
        if call.changed("policy"):
            call.client("ec2").modify_vpc_endpoint(
                VpcEndpointId=call.id, **parameters({"policy": self.fields["policy"]}, call.inputs)
            )
        before, after = (set(inputs.get("routeTableIds", [])) for inputs in (call.old, call.inputs))
        if before != after:
            call.client("ec2").modify_vpc_endpoint(
                VpcEndpointId=call.id,
                AddRouteTableIds=sorted(after - before),
                RemoveRouteTableIds=sorted(before - after),
            )

    def read(self, call: Call) -> Inputs:
        found = call.client("ec2").describe_vpc_endpoints(VpcEndpointIds=[call.id])["VpcEndpoints"]
        if not found or found[0]["State"].lower() == "deleted":
            raise Gone
        lists = call.client("ec2").describe_managed_prefix_lists(
            Filters=[{"Name": "prefix-list-name", "Values": [call.inputs["serviceName"]]}]
        )["PrefixLists"]
        return {
            "arn": arn(call, f"vpc-endpoint/{call.id}"),
            "state": found[0]["State"],
            "prefixListId": lists[0]["PrefixListId"] if lists else "pl-unknown",
        }

    def delete(self, call: Call) -> None:
        call.client("ec2").delete_vpc_endpoints(VpcEndpointIds=[call.id])


class FlowLog(Ec2Kind):
    resource_type = "aws:ec2/flowLog:FlowLog"
    fields = known(
        {
            **fields_of("logFormat", "maxAggregationInterval", "trafficType", "logDestinationType"),
            "iamRoleArn": "DeliverLogsPermissionArn",
            "logDestination": HANDLED,
            "vpcId": HANDLED,
        }
    )
    replaces = frozenset(fields)
    computed = ("arn",)

    def create(self, call: Call) -> str:
        request = parameters(self.fields, call.inputs)
        if call.inputs.get("logDestinationType", "cloud-watch-logs") == "cloud-watch-logs":
            # AWS takes the group's ARN as well; moto only the name.
            request["LogGroupName"] = call.inputs["logDestination"].split(":log-group:")[1].removesuffix(":*")
        else:
            request["LogDestination"] = call.inputs["logDestination"]
        made = call.client("ec2").create_flow_logs(
            ResourceIds=[call.inputs["vpcId"]],
            ResourceType="VPC",
            TagSpecifications=specifications(call, "vpc-flow-log"),
            **request,
        )
        if made["Unsuccessful"]:
            raise Unrehearsed(made["Unsuccessful"][0]["Error"]["Message"])
        return str(made["FlowLogIds"][0])

    def read(self, call: Call) -> Inputs:
        found = call.client("ec2").describe_flow_logs(FlowLogIds=[call.id])["FlowLogs"]
        if not found:
            raise Gone
        if found[0].get("DeliverLogsStatus") == "FAILED":
            raise Unrehearsed(f"flow log {call.id} cannot deliver: {found[0].get('DeliverLogsErrorMessage')}")
        return {"arn": arn(call, f"vpc-flow-log/{call.id}")}

    def delete(self, call: Call) -> None:
        call.client("ec2").delete_flow_logs(FlowLogIds=[call.id])


ALL: list[Kind] = [
    Eip(),
    NatGateway(),
    RouteTable(),
    Route(),
    RouteTableAssociation(),
    VpcEndpoint(),
    FlowLog(),
]
