"""A VPC's addresses, laid out: one public and one private subnet in each zone.

Private subnets hold the nodes and every pod (the VPC CNI gives each pod an address of its subnet), so they get the
first half of the range, an eighth of it each: 507 addresses in a /20, 8187 in a /16. Public ones hold only NAT gateways
and the load balancer, and get a sixty-fourth each, from the last quarter. The third quarter stays free.

Refuses ranges that AWS refuses or that would run out of addresses, and fewer zones than EKS needs. AWS keeps five
addresses of each subnet, EKS asks for subnets in at least two zones.

AWS: https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html,
https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_network
from typing import Final

MIN_PREFIX: Final = 16
"""The largest VPC that AWS makes: /16."""

MAX_PREFIX: Final = 20
"""The smallest VPC that this plan fits in: /20."""

MIN_ZONES: Final = 2
MAX_ZONES: Final = 4

_PRIVATE_BITS: Final = 3
_QUARTER_BITS: Final = 2
_PUBLIC_BITS: Final = 6


@dataclass(frozen=True)
class ZoneSubnets:
    """The two subnets of one availability zone, as CIDR texts."""

    zone: str
    public: str
    private: str


@dataclass(frozen=True)
class ExistingNetwork:
    """A VPC that somebody else owns: nothing of it is made, changed or deleted."""

    vpc_id: str

    public_subnet_ids: tuple[str, ...]
    """For the load balancer; their route table leads to an internet gateway."""

    private_subnet_ids: tuple[str, ...]
    """For the nodes; in at least two zones, with a way out to the internet or to endpoints of ECR, EC2, EKS and S3."""


def plan(cidr: str, zones: Sequence[str]) -> tuple[ZoneSubnets, ...]:
    """The subnets of each zone, never overlapping, and the same for a zone whichever zones come after it."""
    network = _network(cidr)
    if not MIN_ZONES <= len(zones) <= MAX_ZONES:
        raise ValueError(f"{len(zones)} zones; EKS needs {MIN_ZONES}, and the plan has room for {MAX_ZONES}")
    if len(set(zones)) != len(zones):
        raise ValueError(f"a zone is named twice: {', '.join(zones)}")
    private = network.subnets(prefixlen_diff=_PRIVATE_BITS)
    *_, last_quarter = network.subnets(prefixlen_diff=_QUARTER_BITS)
    public = last_quarter.subnets(prefixlen_diff=_PUBLIC_BITS - _QUARTER_BITS)
    # The ranges have more subnets than there are zones.
    return tuple(
        ZoneSubnets(zone=zone, public=str(open_), private=str(closed))
        for zone, open_, closed in zip(zones, public, private, strict=False)
    )


def _network(cidr: str) -> IPv4Network:
    try:
        network = IPv4Network(cidr)
    except ValueError as error:
        raise ValueError(f"{cidr} is not an IPv4 range: {error}") from error
    if network.prefixlen < MIN_PREFIX:
        raise ValueError(f"{cidr} is larger than a VPC can be (/{MIN_PREFIX})")
    if network.prefixlen > MAX_PREFIX:
        raise ValueError(f"{cidr} is too small for nodes and their pods; the smallest is a /{MAX_PREFIX}")
    return network


_PRIVATE: Final = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")))
"""RFC 1918 and RFC 6598: what a VPC may have. https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html"""


def is_private(cidr: str) -> bool:
    """Whether a network is one that nobody reaches from the internet."""
    network = ip_network(cidr)
    return isinstance(network, IPv4Network) and any(network.subnet_of(known) for known in _PRIVATE)
