"""How the edge meets the world. Contour and the speech service's NetworkPolicy both follow from it."""

from enum import StrEnum
from typing import Final


class Exposure(StrEnum):
    """How clients reach Envoy."""

    HOST_NETWORK = "host_network"
    """Envoy in its node's network, on ports 80 and 443. The fastest; its traffic has the node's address."""

    HOST_PORT = "host_port"
    """Envoy in a pod's network, with the node's ports 80 and 443 forwarded to it."""

    LOAD_BALANCER = "load_balancer"
    """A Service of type LoadBalancer in front of Envoy."""


class ClientAddress(StrEnum):
    """How a load balancer in front of the edge nodes lets Envoy know whose connection it is."""

    PRESERVED = "preserved"
    """It leaves the client's address on the packets. Envoy needs to know of nothing."""

    PROXY_PROTOCOL = "proxy-protocol"
    """It writes the address ahead of each connection, and Envoy refuses a connection without it: nobody gets in past
    the load balancer, callers inside the cluster included."""


ENVOY_NAMESPACE: Final = "projectcontour"
ENVOY_LABELS: Final[dict[str, str]] = {"app": "envoy"}
"""Of Envoy's pods, as upstream's manifest labels them."""

ENVOY_HEALTH_PORT: Final = 8002
"""Where Envoy answers /ready: 503 while it drains, and while it is short of memory. It answers with its metrics there
too."""

STREAM_IDLE_SECONDS: Final = 300
"""Ends a stream on which nothing moves either way. Longer than a synthesis may wait for a GPU and then take."""

STREAM_IDLE: Final = f"{STREAM_IDLE_SECONDS // 60}m"
"""The same, as Contour writes it."""

INGRESS_CLASS: Final = "contour"
"""The class that Contour answers to when it is told of none."""


def authority(domain: str, port: int) -> str:
    """Host, and port where it is not the scheme's own."""
    return domain if port == 443 else f"{domain}:{port}"
