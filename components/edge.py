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


ENVOY_NAMESPACE: Final = "projectcontour"
ENVOY_LABELS: Final[dict[str, str]] = {"app": "envoy"}
"""Of Envoy's pods, as upstream's manifest labels them."""

INGRESS_CLASS: Final = "contour"
"""The class that Contour answers to when it is told of none."""
