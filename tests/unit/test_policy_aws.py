"""The rules of the cluster and of what AWS opens to the world, each with resources that keep it and that break it."""

from typing import Any

import pytest

from policy.model import UNKNOWN, Resource
from tests.support.policy import Example, aws, judge

CLUSTER = "eks/cluster:Cluster"
INGRESS, GROUP = "vpc/securityGroupIngressRule:SecurityGroupIngressRule", "ec2/securityGroup:SecurityGroup"
BALANCER = "lb/loadBalancer:LoadBalancer"
EDGE = "aws-edge-from-anywhere-https"


def endpoint(**network: Any) -> Resource:
    return aws(CLUSTER, {"vpcConfig": network})


def opened(first: int, last: int, cidr: object = "0.0.0.0/0", name: str = EDGE, **more: Any) -> Resource:
    rule = {"cidrIpv4": cidr, "fromPort": first, "toPort": last, "ipProtocol": "tcp", **more}
    return aws(INGRESS, rule, name=name)


EXAMPLES = [
    Example(
        "security-group-world",
        "a rule of the older kind",
        [
            aws(
                "ec2/securityGroupRule:SecurityGroupRule",
                {"type": "ingress", "cidrBlocks": ["0.0.0.0/0"], "fromPort": 22, "toPort": 22},
            )
        ],
        ["0.0.0.0/0 reaches port 22."],
    ),
    Example(
        "cluster-endpoint",
        "the world, beside a network that only the update knows",
        [endpoint(publicAccessCidrs=[UNKNOWN, "0.0.0.0/0"])],
        ["The cluster's API answers 0.0.0.0/0."],
    ),
    Example(
        "cluster-endpoint",
        "a network of ours, and a private one",
        [endpoint(publicAccessCidrs=["198.51.100.0/24"]), endpoint(endpointPublicAccess=False)],
    ),
    Example(
        "cluster-endpoint",
        "the world, half of it, and nothing said",
        [endpoint(publicAccessCidrs=["0.0.0.0/0"]), endpoint(publicAccessCidrs=["0.0.0.0/1"]), endpoint()],
        [
            "The cluster's API answers 0.0.0.0/0.",
            "The cluster's API answers 0.0.0.0/1.",
            "The cluster's API answers 0.0.0.0/0.",
        ],
    ),
    Example(
        "security-group-world",
        "the edge's ports, a network of ours, another group",
        [
            opened(443, 443),
            opened(80, 80),
            opened(22, 22, "10.0.0.0/8", "it"),
            aws(INGRESS, {"referencedSecurityGroupId": UNKNOWN, "fromPort": 22, "toPort": 22}),
            aws(GROUP, {"ingress": []}),
            aws("ec2/securityGroupRule:SecurityGroupRule", {"type": "egress", "cidrBlocks": ["0.0.0.0/0"]}),
        ],
    ),
    Example(
        "security-group-world",
        "another port, a range around 443, 443 of another, IPv6, a rule in the group",
        [
            opened(22, 22),
            opened(80, 443),
            opened(443, 443, name="it"),
            aws(INGRESS, {"cidrIpv6": "::/0", "fromPort": 22, "toPort": 22, "ipProtocol": "tcp"}),
            aws(GROUP, {"ingress": [{"cidrBlocks": ["0.0.0.0/0"], "fromPort": 0, "toPort": 65535}]}),
        ],
        [
            "0.0.0.0/0 reaches port 22.",
            "0.0.0.0/0 reaches ports 80 to 443.",
            "0.0.0.0/0 reaches port 443.",
            "::/0 reaches port 22.",
            "0.0.0.0/0 reaches ports 0 to 65535.",
        ],
    ),
    Example(
        "security-group-world",
        "every port of every protocol, and UDP at the edge",
        [
            aws(INGRESS, {"cidrIpv4": "0.0.0.0/0", "ipProtocol": "-1"}, name=EDGE),
            opened(443, 443, ipProtocol="udp"),
        ],
        ["0.0.0.0/0 reaches every port.", "0.0.0.0/0 reaches port 443."],
    ),
    Example(
        "security-group-world",
        "the world, beside what only the update knows",
        [
            aws(
                GROUP,
                {"ingress": [UNKNOWN, {"cidrBlocks": [UNKNOWN, "0.0.0.0/0"], "fromPort": 1, "toPort": 1}]},
            ),
        ],
        ["0.0.0.0/0 reaches port 1."],
    ),
    Example(
        "load-balancer-public",
        "an internal one, and the edge's",
        [aws(BALANCER, {"internal": True}), aws(BALANCER, {"internal": False}, name="aws-edge-nlb")],
    ),
    Example(
        "load-balancer-public",
        "a public one, and one that says nothing",
        [aws(BALANCER, {"internal": False}), aws(BALANCER, {})],
        ["The load balancer has a public address."] * 2,
    ),
    Example(
        "cluster-secrets-encrypted",
        "with a key",
        [aws(CLUSTER, {"encryptionConfig": {"resources": ["secrets"], "provider": {"keyArn": UNKNOWN}}})],
    ),
    Example(
        "cluster-secrets-encrypted",
        "without",
        [aws(CLUSTER, {})],
        ["The cluster's Secrets have no key of ours."],
    ),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_rule(example: Example) -> None:
    judge(example)
