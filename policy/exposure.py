"""There is one way in: the edge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from policy.model import Resource, Rule, Settings, kubernetes


def _spec(service: Resource) -> Mapping[str, Any]:
    found: Mapping[str, Any] = service.properties.get("spec") or {}
    return found


def _check_load_balancer(service: Resource, _: Settings) -> Iterator[str]:
    if _spec(service).get("type") == "LoadBalancer":
        yield "The Service is of type LoadBalancer."


def _check_node_port(service: Resource, _: Settings) -> Iterator[str]:
    if _spec(service).get("type") == "NodePort":
        yield "The Service is of type NodePort."
    if _spec(service).get("externalIPs"):
        yield "The Service has external addresses: externalIPs."


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
        says="Nothing is a Service of type NodePort, or has external addresses.",
        reason="Every node then answers for it, past the edge, its TLS and its log.",
        fix="Make it a ClusterIP without externalIPs, and let an HTTPProxy lead there.",
        types=kubernetes("Service"),
        check=_check_node_port,
    ),
)
