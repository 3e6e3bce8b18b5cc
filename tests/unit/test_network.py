"""The VPC that a stack makes, seen by a recording engine."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest
from pulumi.runtime import MockResourceArgs

from components.network import Network, NetworkArgs
from tests.support import dependencies
from tests.support.recording import Recording, record

ARGS = NetworkArgs(
    cidr="10.40.0.0/16",
    region="eu-central-1",
    zones=("eu-central-1a", "eu-central-1b", "eu-central-1c"),
    nat_per_zone=False,
    flow_logs=True,
)


ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"


@pytest.fixture(autouse=True)
def arns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.support.recording.Recording", Answering)


class Answering(Recording):
    """Gives a log group the ARN that AWS would."""

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        identity, state = super().new_resource(args)
        return identity, {"arn": f"arn:aws:test:::{args.name}", **state}


def network(**changes: Any) -> Recording:
    def program() -> None:
        Network("network", replace(ARGS, **changes))

    return record(program)


def inputs(recording: Recording, resource_type: str) -> dict[str, Mapping[str, Any]]:
    return {item.name: item.inputs for item in recording.resources if item.type == resource_type}


def subnets(recording: Recording, kind: str) -> dict[str, Mapping[str, Any]]:
    return {name: found for name, found in inputs(recording, "aws:ec2/subnet:Subnet").items() if kind in name}


class TestSubnets:
    def test_there_is_one_of_each_kind_in_each_zone(self) -> None:
        recording = network()
        for kind in ("public", "private"):
            zones = {found["availabilityZone"] for found in subnets(recording, kind).values()}
            assert zones == set(ARGS.zones), "a zone's failure would take the service along"

    def test_none_gives_out_public_addresses(self) -> None:
        found = inputs(network(), "aws:ec2/subnet:Subnet")
        assert not any(subnet["mapPublicIpOnLaunch"] for subnet in found.values()), (
            "an instance would be on the internet by being started"
        )

    def test_the_vpc_has_dns(self) -> None:
        (vpc,) = inputs(network(), "aws:ec2/vpc:Vpc").values()
        assert vpc["enableDnsSupport"], "nodes find the private API endpoint by a name of the VPC"
        assert vpc["enableDnsHostnames"], "nodes find the private API endpoint by a name of the VPC"


class TestRoutes:
    def test_private_subnets_go_out_through_nat_only(self) -> None:
        routes = inputs(network(), "aws:ec2/route:Route")
        private = {name: route for name, route in routes.items() if "private" in name}
        assert len(private) == len(ARGS.zones)
        assert all("natGatewayId" in route and "gatewayId" not in route for route in private.values()), (
            "nodes and pods would be reachable from the internet"
        )

    def test_public_subnets_go_to_the_internet_gateway(self) -> None:
        route = inputs(network(), "aws:ec2/route:Route")["network-public-internet"]
        assert route["gatewayId"] == "network-internet-id", "clients would not reach the load balancer"

    def test_every_subnet_has_its_zones_table(self) -> None:
        found = inputs(network(), "aws:ec2/routeTableAssociation:RouteTableAssociation")
        assert found["network-private-eu-central-1b"]["routeTableId"] == "network-private-eu-central-1b-id"
        assert len(found) == 2 * len(ARGS.zones), "a subnet without one has the VPC's own table: no way out"


class TestNat:
    def test_one_serves_all_zones(self) -> None:
        recording = network(nat_per_zone=False)
        assert len(inputs(recording, "aws:ec2/natGateway:NatGateway")) == 1, "each costs by the hour"
        assert len(inputs(recording, "aws:ec2/eip:Eip")) == 1

    def test_one_a_zone_keeps_to_its_zone(self) -> None:
        recording = network(nat_per_zone=True)
        assert len(inputs(recording, "aws:ec2/natGateway:NatGateway")) == len(ARGS.zones)
        routes = inputs(recording, "aws:ec2/route:Route")
        for zone in ARGS.zones:
            assert routes[f"network-private-{zone}-nat"]["natGatewayId"] == f"network-nat-{zone}-id", (
                "a zone's failure would cut off another zone's pods"
            )

    def test_going_to_one_a_zone_changes_routes_only(self) -> None:
        one, each = network(nat_per_zone=False), network(nat_per_zone=True)
        for kind in ("aws:ec2/routeTable:RouteTable", "aws:ec2/routeTableAssociation:RouteTableAssociation"):
            assert inputs(one, kind) == inputs(each, kind), "running nodes would lose their way out meanwhile"


class TestS3Endpoint:
    def test_it_is_a_gateway_on_every_private_table(self) -> None:
        (endpoint,) = inputs(network(), "aws:ec2/vpcEndpoint:VpcEndpoint").values()
        assert endpoint["vpcEndpointType"] == "Gateway", "an interface endpoint costs by the hour"
        assert endpoint["serviceName"] == "com.amazonaws.eu-central-1.s3"
        assert endpoint["routeTableIds"] == [f"network-private-{zone}-id" for zone in ARGS.zones], (
            "image layers come from S3, and NAT takes money for each GB"
        )


class TestDefaultSecurityGroup:
    def test_it_lets_nothing_in_or_out(self) -> None:
        (group,) = inputs(network(), "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup").values()
        assert (group["ingress"], group["egress"]) == ([], []), "AWS makes it open to all who share it"


class TestFlowLogs:
    def test_they_are_kept_thirty_days(self) -> None:
        recording = network()
        (log,) = inputs(recording, "aws:ec2/flowLog:FlowLog").values()
        (group,) = inputs(recording, "aws:cloudwatch/logGroup:LogGroup").values()
        assert log["trafficType"] == "ALL", "an attack that got in is in the accepted half"
        assert group["retentionInDays"] == 30, "without a number, logs are kept and paid for ever"

    def test_their_role_makes_no_log_group(self) -> None:
        (policy,) = inputs(network(), "aws:iam/rolePolicy:RolePolicy").values()
        actions = [action for item in json.loads(policy["policy"])["Statement"] for action in item["Action"]]
        assert "logs:PutLogEvents" in actions
        assert "logs:CreateLogGroup" not in actions, "the last flows would bring back what a destroy removed"

    def test_they_are_a_setting(self) -> None:
        assert not inputs(network(flow_logs=False), "aws:ec2/flowLog:FlowLog"), "they cost by the GB"


class TestOrder:
    def test_who_uses_a_public_subnet_comes_after_its_way_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def user(made: Network) -> None:
            aws.ec2.NetworkInterface("user", subnet_id=made.public_subnet_ids[0])

        needed = of_a_user(user, monkeypatch)
        assert "aws:ec2/route:Route::network-public-internet" in needed, (
            "what is to be reached from outside would not be"
        )
        assert f"{ASSOCIATION}::network-public-eu-central-1a" in needed, "the route would be another table's"

    def test_who_comes_after_the_private_routes_has_a_way_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def user(made: Network) -> None:
            pulumi.CustomResource(
                "test:index:User", "user", {}, pulumi.ResourceOptions(depends_on=made.private_routes)
            )

        needed = of_a_user(user, monkeypatch)
        for zone in ARGS.zones:
            assert f"aws:ec2/route:Route::network-private-{zone}-nat" in needed, (
                "a node could start without a route"
            )
            assert f"{ASSOCIATION}::network-private-{zone}" in needed, "the route would be another table's"


def of_a_user(use: Callable[[Network], None], monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Types and names of what `user`, which `use` makes, comes after."""
    found = dependencies.noted(monkeypatch)

    def program() -> None:
        use(Network("network", ARGS))

    record(program)
    return {urn.rpartition("$")[2] for urn in found["user"]}
