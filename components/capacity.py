"""How EC2 sells the GPU nodes' capacity."""

from enum import StrEnum


class Capacity(StrEnum):
    """On-demand or spot instances. https://docs.aws.amazon.com/eks/latest/userguide/managed-node-groups.html"""

    ON_DEMAND = "on-demand"
    """At list price, and ours until we stop it."""

    SPOT = "spot"
    """Well below list price; EC2 takes it back with two minutes' notice."""
