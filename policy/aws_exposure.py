"""What AWS opens to the world: ports 80 and 443 of the edge, and nothing else."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from policy.aws_encryption import is_on
from policy.buckets import unserved
from policy.model import Resource, Rule, Settings, aws, each

EDGE_RULES: Final = frozenset({"aws-edge-from-anywhere-http", "aws-edge-from-anywhere-https"})
"""The security group rules, by their names in the program, by which clients reach the load balancer of the edge."""

EDGE_LOAD_BALANCER: Final = "aws-edge-nlb"
"""The load balancer of the edge, by its name in the program."""

_EDGE_PORTS: Final = frozenset({80, 443})

_WIDEST: Final = {4: 8, 6: 16}
"""The shortest prefix, by IP version, that is not the world: nobody's own network is larger."""

_CLOSED: Final = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


def is_world(cidr: str) -> bool:
    """Whether a range of addresses is the internet, or a good part of it."""
    network = ipaddress.ip_network(cidr, strict=False)
    return network.prefixlen < _WIDEST[network.version]


def _check_endpoint(cluster: Resource, _: Settings) -> Iterator[str]:
    network = cluster.properties.get("vpcConfig") or {}
    # EKS makes it public, and to everybody, unless it is told.
    if not is_on(network.get("endpointPublicAccess", True)):
        return
    yield from each(
        network.get("publicAccessCidrs") or ["0.0.0.0/0"],
        lambda cidr: [f"The cluster's API answers {cidr}."] if is_world(cidr) else [],
    )


def _sources(rule: Mapping[str, Any]) -> Iterator[str]:
    """The ranges that a rule lets in, as each kind of resource writes them."""
    for key in ("cidrIpv4", "cidrIpv6"):
        if key in rule:
            yield rule[key]
    for key in ("cidrBlocks", "ipv6CidrBlocks"):
        yield from rule.get(key) or ()


def _ingress(resource: Resource) -> Iterable[Mapping[str, Any]]:
    if resource.kind in ("SecurityGroup", "DefaultSecurityGroup"):
        rules: Sequence[Mapping[str, Any]] = resource.properties.get("ingress") or ()
        return rules
    if resource.kind == "SecurityGroupRule" and resource.properties.get("type") != "ingress":
        return ()
    return (resource.properties,)


def _check_security_group(resource: Resource, _: Settings) -> Iterator[str]:
    def look(rule: Mapping[str, Any]) -> Iterator[str]:
        open_to = [*each(_sources(rule), lambda cidr: [cidr] if is_world(cidr) else [])]
        if not open_to:
            return
        first, last = rule.get("fromPort"), rule.get("toPort")
        of_edge = resource.name in EDGE_RULES and rule.get("ipProtocol", rule.get("protocol")) == "tcp"
        if not (of_edge and first == last and first in _EDGE_PORTS):
            yield f"{', '.join(open_to)} reaches {_ports(first, last)}."

    return each(_ingress(resource), look)


def _ports(first: Any, last: Any) -> str:
    if first is None:
        return "every port"
    return f"port {first}" if first == last else f"ports {first} to {last}"


def _check_load_balancer(balancer: Resource, _: Settings) -> Iterator[str]:
    if not is_on(balancer.properties.get("internal")) and balancer.name != EDGE_LOAD_BALANCER:
        yield "The load balancer has a public address."


def _check_public_access_block(block: Resource, _: Settings) -> Iterator[str]:
    left_open = [key for key in _CLOSED if not is_on(block.properties.get(key))]
    if left_open:
        yield f"It leaves out {', '.join(left_open)}."


def _check_buckets(resources: Sequence[Resource], settings: Settings) -> Iterator[tuple[Resource, str]]:
    for bucket in unserved(resources, "BucketPublicAccessBlock"):
        yield bucket, "Nothing keeps the bucket from being made public."
    blocks = [item for item in resources if item.kind == "BucketPublicAccessBlock"]
    yield from each(
        blocks, lambda block: ((block, problem) for problem in _check_public_access_block(block, settings))
    )


RULES: Final = (
    Rule(
        name="cluster-endpoint",
        says="The cluster's API answers known networks only.",
        reason="Everybody may otherwise try its next hole, and every leaked token works from everywhere.",
        fix="Write the networks of the people and pipelines that use it into apiCidrs.",
        types=aws("eks/cluster:Cluster"),
        check=_check_endpoint,
    ),
    Rule(
        name="security-group-world",
        says="Only ports 80 and 443 of the edge are open to the world.",
        reason="Whatever else listens has no TLS, no certificate and no log of who came.",
        fix="Name the networks or the security group that need it; clients come by the edge's load balancer.",
        types=aws(
            "ec2/securityGroup:SecurityGroup",
            "ec2/defaultSecurityGroup:DefaultSecurityGroup",
            "ec2/securityGroupRule:SecurityGroupRule",
            "vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        ),
        check=_check_security_group,
    ),
    Rule(
        name="load-balancer-public",
        says="No load balancer but the edge's has a public address.",
        reason="Whoever finds it comes past Envoy, its TLS and its log.",
        fix="Set internal to true; clients come by the edge.",
        types=aws(
            "lb/loadBalancer:LoadBalancer", "alb/loadBalancer:LoadBalancer", "elb/loadBalancer:LoadBalancer"
        ),
        check=_check_load_balancer,
    ),
    Rule(
        name="bucket-private",
        says="No bucket can be made public.",
        reason="One wrong policy later, what people have spoken is on the internet.",
        fix=f"Add a BucketPublicAccessBlock for it with {', '.join(_CLOSED)}.",
        types=lambda type_: type_.startswith("aws:s3/"),
        stack_check=_check_buckets,
    ),
)
