"""Addresses of what is simulated, out of the embedded clusters' own range: nobody's network has them."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Final

PODS: Final = IPv4Network("198.19.192.0/19")
"""8,192. Clusters take theirs from the lower end of 198.19.0.0/16, four networks of 256 at a time."""

SERVICES: Final = IPv4Network("198.19.224.0/20")
"""4,096 more than the cluster's own 254."""

PROBED: Final = tuple(str(PODS[number]) for number in (-2, -3))
"""Two of the pods' addresses that kwok gets to last."""
