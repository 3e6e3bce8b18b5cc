"""A VPC of the stack's own: subnets over the zones, the ways out, and nothing open that need not be.

Makes the VPC with DNS names on; for each zone a public and a private subnet (`components/subnets.py` lays them out) and
a private route table; an internet gateway; NAT gateways, one in all or one a zone; a gateway endpoint of S3, so that
image layers and audio do not pay for NAT (a gateway endpoint itself costs nothing); flow logs if asked, kept 30 days.

Refuses what `plan` refuses. No subnet gives its instances public addresses, and the VPC's default security group, which
AWS makes open within itself, is emptied: what forgets to name a security group reaches nothing.

AWS: https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html,
https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-basics.html,
https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-s3.html,
https://docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.flow_logs import FlowLogs, FlowLogsArgs
from components.subnets import ZoneSubnets, plan

_ANYWHERE = "0.0.0.0/0"


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """What an environment decides about its network."""

    cidr: str
    """The VPC's range, a /16 to a /20."""

    region: str
    """The region whose S3 the endpoint leads to."""

    zones: tuple[str, ...]
    """Two to four availability zones. A new one goes last: the others keep their ranges."""

    nat_per_zone: bool
    """One NAT gateway a zone survives a zone's failure and pays no traffic between zones; one in all is cheaper."""

    flow_logs: bool
    """Whether the VPC's accepted and rejected connections are logged."""


class Network(pulumi.ComponentResource):
    """The VPC and all that belongs to it."""

    vpc_id: pulumi.Output[str]

    public_subnet_ids: Sequence[pulumi.Output[str]]
    """One a zone, in the zones' order. Who uses one comes after its route to the internet gateway."""

    private_subnet_ids: Sequence[pulumi.Output[str]]
    """One a zone, in the zones' order."""

    private_routes: Sequence[pulumi.Resource]
    """The private subnets' ways out. A node that is there before them cannot pull, and one after them cannot drain."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("tts-platform:network:Network", name, None, opts)
        zones = plan(args.cidr, args.zones)

        self.vpc_id = self._vpc(name, args.cidr)
        self._empty_default_security_group(name)
        gateway = self._internet_gateway(name)
        self.public_subnet_ids = self._public_subnets(name, zones, gateway)
        nats = self._nat_gateways(name, zones if args.nat_per_zone else zones[:1], gateway)
        tables = self._private_route_tables(name, zones)
        self.private_subnet_ids, self.private_routes = self._private_subnets(name, zones, tables, nats)
        self._s3_endpoint(name, args.region, tables)
        if args.flow_logs:
            FlowLogs(
                f"{name}-flow-logs", FlowLogsArgs(vpc_id=self.vpc_id), pulumi.ResourceOptions(parent=self)
            )

        self.register_outputs(
            {
                "vpc_id": self.vpc_id,
                "public_subnet_ids": self.public_subnet_ids,
                "private_subnet_ids": self.private_subnet_ids,
            }
        )

    def _vpc(self, name: str, cidr: str) -> pulumi.Output[str]:
        # Both DNS settings: EKS's private endpoint and EFS's mount targets are found by names of the VPC.
        vpc = aws.ec2.Vpc(
            f"{name}-vpc",
            cidr_block=cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags={"Name": name},
            opts=pulumi.ResourceOptions(parent=self),
        )
        return vpc.id

    def _empty_default_security_group(self, name: str) -> None:
        aws.ec2.DefaultSecurityGroup(
            f"{name}-default",
            vpc_id=self.vpc_id,
            ingress=[],
            egress=[],
            tags={"Name": f"{name}-default-unused"},
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _internet_gateway(self, name: str) -> aws.ec2.InternetGateway:
        return aws.ec2.InternetGateway(
            f"{name}-internet",
            vpc_id=self.vpc_id,
            tags={"Name": name},
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _public_subnets(
        self, name: str, zones: Sequence[ZoneSubnets], gateway: aws.ec2.InternetGateway
    ) -> list[pulumi.Output[str]]:
        table = self._route_table(f"{name}-public")
        route = aws.ec2.Route(
            f"{name}-public-internet",
            route_table_id=table.id,
            destination_cidr_block=_ANYWHERE,
            gateway_id=gateway.id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        subnets = []
        for zone in zones:
            subnet, association = self._subnet(f"{name}-public-{zone.zone}", zone.zone, zone.public, table)
            reachable = pulumi.Output.all(subnet.id, association.urn, route.urn)
            subnets.append(reachable.apply(lambda values: str(values[0])))
        return subnets

    def _nat_gateways(
        self, name: str, zones: Sequence[ZoneSubnets], gateway: aws.ec2.InternetGateway
    ) -> list[aws.ec2.NatGateway]:
        return [
            aws.ec2.NatGateway(
                f"{name}-nat-{zone.zone}",
                allocation_id=aws.ec2.Eip(
                    f"{name}-nat-{zone.zone}",
                    domain="vpc",
                    tags={"Name": f"{name}-nat-{zone.zone}"},
                    # AWS gives back the address only while the gateway that it is reached through is there.
                    opts=pulumi.ResourceOptions(parent=self, depends_on=[gateway]),
                ).id,
                subnet_id=subnet_id,
                tags={"Name": f"{name}-{zone.zone}"},
                opts=pulumi.ResourceOptions(parent=self),
            )
            for zone, subnet_id in zip(zones, self.public_subnet_ids, strict=False)
        ]

    def _private_route_tables(self, name: str, zones: Sequence[ZoneSubnets]) -> list[aws.ec2.RouteTable]:
        # One a zone also with one NAT gateway: going to one a zone then changes routes and nothing else.
        return [self._route_table(f"{name}-private-{zone.zone}") for zone in zones]

    def _private_subnets(
        self,
        name: str,
        zones: Sequence[ZoneSubnets],
        tables: Sequence[aws.ec2.RouteTable],
        nats: Sequence[aws.ec2.NatGateway],
    ) -> tuple[list[pulumi.Output[str]], list[pulumi.Resource]]:
        """The subnets, and their ways out."""
        subnets: list[pulumi.Output[str]] = []
        routes: list[pulumi.Resource] = []
        for index, zone in enumerate(zones):
            table = tables[index]
            route = aws.ec2.Route(
                f"{name}-private-{zone.zone}-nat",
                route_table_id=table.id,
                destination_cidr_block=_ANYWHERE,
                nat_gateway_id=nats[index % len(nats)].id,
                opts=pulumi.ResourceOptions(parent=self),
            )
            subnet, association = self._subnet(f"{name}-private-{zone.zone}", zone.zone, zone.private, table)
            subnets.append(subnet.id)
            routes += [route, association]
        return subnets, routes

    def _route_table(self, name: str) -> aws.ec2.RouteTable:
        return aws.ec2.RouteTable(
            name, vpc_id=self.vpc_id, tags={"Name": name}, opts=pulumi.ResourceOptions(parent=self)
        )

    def _subnet(
        self, name: str, zone: str, cidr: str, table: aws.ec2.RouteTable
    ) -> tuple[aws.ec2.Subnet, aws.ec2.RouteTableAssociation]:
        """The subnet, and what makes the route table its own."""
        subnet = aws.ec2.Subnet(
            name,
            vpc_id=self.vpc_id,
            availability_zone=zone,
            cidr_block=cidr,
            map_public_ip_on_launch=False,
            tags={"Name": name},
            opts=pulumi.ResourceOptions(parent=self),
        )
        association = aws.ec2.RouteTableAssociation(
            name,
            subnet_id=subnet.id,
            route_table_id=table.id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return subnet, association

    def _s3_endpoint(self, name: str, region: str, tables: Sequence[aws.ec2.RouteTable]) -> None:
        aws.ec2.VpcEndpoint(
            f"{name}-s3",
            vpc_id=self.vpc_id,
            service_name=f"com.amazonaws.{region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[table.id for table in tables],
            tags={"Name": f"{name}-s3"},
            opts=pulumi.ResourceOptions(parent=self),
        )
