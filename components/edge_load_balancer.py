"""A network load balancer in front of the edge nodes, which Pulumi owns and therefore also removes.

One that a controller makes for a Service is left behind when the controller goes first, and nobody is told.

Refuses a hosted zone that does not hold the domain: a record there would never be asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from components.edge import ENVOY_HEALTH_PORT, ClientAddress
from components.hosted_zone import HostedZone

_LISTENERS: Final[Mapping[str, int]] = {"http": 80, "https": 443}
"""Ports of the load balancer and, the same, of the nodes."""

_ANYWHERE: Final = "0.0.0.0/0"

# AWS allows 60 to 6000. Well above the idle time of a stream at Envoy (STREAM_IDLE_SECONDS), so that it is Envoy who
# ends a quiet stream and says so: the load balancer forgets a connection without a word, and resets it at its next
# packet. An hour also covers a route that is given a longer idle time.
# https://docs.aws.amazon.com/elasticloadbalancing/latest/network/update-idle-timeout.html
IDLE_SECONDS: Final = 3600

# As long as an Envoy that is stopped is given to finish its streams (terminationGracePeriodSeconds of its DaemonSet). A
# node that is replaced, or an Envoy that is, takes no new connections and keeps those that it has for this long.
DRAIN_SECONDS: Final = 300


@dataclass(frozen=True, kw_only=True)
class EdgeLoadBalancerArgs:
    """Where it stands, and what it stands for."""

    vpc_id: pulumi.Input[str]
    public_subnet_ids: Sequence[pulumi.Input[str]]
    """One in each zone that it answers in."""

    autoscaling_group: pulumi.Input[str]
    """Name of the edge nodes' group. Its instances are the targets, as they come and go."""

    node_security_group_id: pulumi.Input[str]
    """Of the edge nodes. The rules that let the load balancer in are made here."""

    client_address: ClientAddress
    """The same that Contour is told."""

    cross_zone: bool
    """Whether each zone's addresses reach the nodes of all zones. AWS charges for traffic between zones."""

    deletion_protection: bool
    """Whether AWS refuses to delete it."""

    domain: str
    zone: HostedZone | None
    """In which the domain is made to point here. None: you do that yourself."""

    wildcard: bool
    """Whether every name below the domain points here too: the ephemeral stacks on this platform have theirs there."""


class EdgeLoadBalancer(pulumi.ComponentResource):
    """The load balancer, its listeners 80 and 443, their target groups, its security group, and the DNS records.

    TLS ends at Envoy: what passes here is TCP. A connection is forgotten after an hour of silence; a node that goes has
    300 s for the streams that it carries. Reached from anywhere on ports 80 and 443, it reaches only the edge nodes.
    https://docs.aws.amazon.com/elasticloadbalancing/latest/network/introduction.html
    """

    dns_name: pulumi.Output[str]
    """What to point the domain at (CNAME, or an alias), where no zone is named."""

    def __init__(self, name: str, args: EdgeLoadBalancerArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("tts-platform:edgeloadbalancer:EdgeLoadBalancer", name, None, opts)
        if args.zone is not None and not _holds(args.zone.name, args.domain):
            raise ValueError(f"{name}: the zone {args.zone.name} does not hold {args.domain}.")

        security_group = self._security_group(name, args)
        balancer = self._load_balancer(name, args, security_group)
        for protocol, port in _LISTENERS.items():
            group = self._target_group(f"{name}-{protocol}", args, port)
            self._attach(f"{name}-{protocol}", args, group)
            self._listen(f"{name}-{protocol}", balancer, group, port)
        if args.zone is not None:
            self._point(f"{name}-domain", args.domain, args.zone, balancer)
            if args.wildcard:
                self._point(f"{name}-below", f"*.{args.domain}", args.zone, balancer)

        self.dns_name = balancer.dns_name
        self.register_outputs({"dns_name": self.dns_name})

    def _security_group(self, name: str, args: EdgeLoadBalancerArgs) -> aws.ec2.SecurityGroup:
        group = aws.ec2.SecurityGroup(
            f"{name}-nlb",
            description="The load balancer in front of the edge nodes",
            vpc_id=args.vpc_id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        for protocol, port in _LISTENERS.items():
            aws.vpc.SecurityGroupIngressRule(
                f"{name}-from-anywhere-{protocol}",
                description=f"Clients, {protocol}",
                security_group_id=group.id,
                cidr_ipv4=_ANYWHERE,
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                opts=pulumi.ResourceOptions(parent=self),
            )
        for purpose, port in {**_LISTENERS, "health": ENVOY_HEALTH_PORT}.items():
            self._open_way_to_nodes(name, purpose, port, group, args.node_security_group_id)
        return group

    def _open_way_to_nodes(
        self,
        name: str,
        purpose: str,
        port: int,
        group: aws.ec2.SecurityGroup,
        node_security_group_id: pulumi.Input[str],
    ) -> None:
        """Both ends of it. A rule that names the group lets in its traffic whatever address the packets carry."""
        aws.vpc.SecurityGroupEgressRule(
            f"{name}-to-nodes-{purpose}",
            description=f"Edge nodes, {purpose}",
            security_group_id=group.id,
            referenced_security_group_id=node_security_group_id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-into-nodes-{purpose}",
            description=f"Load balancer, {purpose}",
            security_group_id=node_security_group_id,
            referenced_security_group_id=group.id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _load_balancer(
        self, name: str, args: EdgeLoadBalancerArgs, security_group: aws.ec2.SecurityGroup
    ) -> aws.lb.LoadBalancer:
        return aws.lb.LoadBalancer(
            f"{name}-nlb",
            load_balancer_type="network",
            internal=False,
            ip_address_type="ipv4",
            subnets=list(args.public_subnet_ids),
            # From the start: AWS adds none to a network load balancer that was made without one.
            security_groups=[security_group.id],
            enable_cross_zone_load_balancing=args.cross_zone,
            enable_deletion_protection=args.deletion_protection,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _target_group(self, name: str, args: EdgeLoadBalancerArgs, port: int) -> aws.lb.TargetGroup:
        proxied = args.client_address is ClientAddress.PROXY_PROTOCOL
        return aws.lb.TargetGroup(
            name,
            vpc_id=args.vpc_id,
            target_type="instance",
            protocol="TCP",
            port=port,
            preserve_client_ip="false" if proxied else "true",
            proxy_protocol_v2=proxied,
            health_check=_health_check(args.client_address),
            deregistration_delay=DRAIN_SECONDS,
            # The node is gone after that: better to tell a client than to let it wait.
            connection_termination=True,
            # An Envoy that drains says that it is not ready. By default the load balancer would then cut the very
            # streams that Envoy waits for.
            target_health_states=[
                aws.lb.TargetGroupTargetHealthStateArgs(
                    enable_unhealthy_connection_termination=False, unhealthy_draining_interval=DRAIN_SECONDS
                )
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _attach(self, name: str, args: EdgeLoadBalancerArgs, group: aws.lb.TargetGroup) -> None:
        aws.autoscaling.Attachment(
            f"{name}-nodes",
            autoscaling_group_name=args.autoscaling_group,
            lb_target_group_arn=group.arn,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _listen(self, name: str, balancer: aws.lb.LoadBalancer, group: aws.lb.TargetGroup, port: int) -> None:
        aws.lb.Listener(
            name,
            load_balancer_arn=balancer.arn,
            protocol="TCP",
            port=port,
            tcp_idle_timeout_seconds=IDLE_SECONDS,
            default_actions=[aws.lb.ListenerDefaultActionArgs(type="forward", target_group_arn=group.arn)],
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _point(self, name: str, domain: str, zone: HostedZone, balancer: aws.lb.LoadBalancer) -> None:
        aws.route53.Record(
            name,
            zone_id=zone.zone_id,
            name=domain,
            type="A",
            aliases=[
                aws.route53.RecordAliasArgs(
                    name=balancer.dns_name, zone_id=balancer.zone_id, evaluate_target_health=True
                )
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )


def _health_check(client_address: ClientAddress) -> aws.lb.TargetGroupHealthCheckArgs:
    """Out after 10 s of no, back after 10 s of yes. Both ports are Envoy's, and so is the answer."""
    # The load balancer writes the PROXY header ahead of its checks as well, and Envoy expects none on this port: it
    # would answer each with 400. So all that can be asked then is whether it listens.
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/network/edit-target-group-attributes.html
    asks = client_address is ClientAddress.PRESERVED
    return aws.lb.TargetGroupHealthCheckArgs(
        protocol="HTTP" if asks else "TCP",
        port=str(ENVOY_HEALTH_PORT),
        path="/ready" if asks else None,
        matcher="200" if asks else None,
        interval=5,
        timeout=3,
        healthy_threshold=2,
        unhealthy_threshold=2,
    )


def _holds(zone: str, domain: str) -> bool:
    return domain == zone or domain.endswith(f".{zone}")
