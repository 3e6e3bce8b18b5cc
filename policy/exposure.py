"""There is one way in: the edge."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policy.model import Level, Resource, Rule, Settings, kubernetes


def _type(service: Resource) -> object:
    return (service.properties.get("spec") or {}).get("type")


def _check_load_balancer(service: Resource, _: Settings) -> Iterator[str]:
    if _type(service) == "LoadBalancer":
        yield "The Service is of type LoadBalancer."


def _check_node_port(service: Resource, _: Settings) -> Iterator[str]:
    if _type(service) == "NodePort":
        yield "The Service is of type NodePort."


RULES: Final = (
    Rule(
        name="service-exposure",
        says="Nothing outside the edge is a Service of type LoadBalancer.",
        reason="It is open to the world without TLS, and its load balancer outlives the stack.",
        fix="Make it a ClusterIP, and let an HTTPProxy lead there.",
        types=kubernetes("Service"),
        check=_check_load_balancer,
    ),
    Rule(
        name="service-node-port",
        level=Level.ADVISORY,
        says="Nothing is a Service of type NodePort.",
        reason="It opens a port on every node, past the edge.",
        fix="Make it a ClusterIP, and let an HTTPProxy lead there.",
        types=kubernetes("Service"),
        check=_check_node_port,
    ),
)
