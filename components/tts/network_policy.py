"""Who may talk to the speech pods, and whom they may talk to: nobody, then exactly what is needed.

Envoy in its node's network has the node's address, and no selector of pods matches it: there the rule names the edge
nodes' addresses, and it refuses to be made without any.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from components.edge import ENVOY_LABELS, ENVOY_NAMESPACE, Exposure
from components.tts.engine import Egress

_NAMESPACE_NAME = "kubernetes.io/metadata.name"

_ACME_SOLVER_LABELS = {"acme.cert-manager.io/http01-solver": "true"}
_ACME_SOLVER_PORT = 8089
"""Both as cert-manager writes them into the pods that answer an HTTP-01 challenge."""


@dataclass(frozen=True, kw_only=True)
class NetworkPoliciesArgs:
    """What is allowed."""

    namespace: pulumi.Input[str]
    speech_labels: Mapping[str, str]
    speech_port: int
    exposure: Exposure
    edge_cidrs: Sequence[str]
    """Addresses of the edge nodes; used in `host_network` only."""

    acme_challenges: bool
    """Whether cert-manager answers HTTP-01 challenges from this namespace."""

    egress: Sequence[Egress]


class NetworkPolicies(pulumi.ComponentResource):
    """The policies of the service's namespace."""

    def __init__(self, name: str, args: NetworkPoliciesArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("tts-platform:tts:NetworkPolicies", name, None, opts)
        if args.exposure is Exposure.HOST_NETWORK and not args.edge_cidrs:
            raise ValueError(
                "host_network needs the edge nodes' CIDRs: without them not even Envoy gets through."
            )
        self._name = name
        self._namespace = args.namespace

        self._policy("deny-all", {"pod_selector": {}, "policy_types": ["Ingress", "Egress"]})
        self._policy("envoy-to-speech", _ingress(args.speech_labels, _envoy(args), args.speech_port))
        self._policy("dns", _egress(args.speech_labels, [_DNS]))
        if args.egress:
            rules = [_rule(item) for item in args.egress]
            reasons = " ".join(item.reason for item in args.egress)
            self._policy(
                "engine-egress", _egress(args.speech_labels, rules), {"tts-platform/reason": reasons}
            )
        if args.acme_challenges:
            self._policy(
                "envoy-to-acme-solver", _ingress(_ACME_SOLVER_LABELS, _envoy(args), _ACME_SOLVER_PORT)
            )
        self.register_outputs({})

    def _policy(
        self, policy: str, spec: dict[str, Any], annotations: Mapping[str, str] | None = None
    ) -> None:
        kubernetes.networking.v1.NetworkPolicy(
            f"{self._name}-{policy}",
            metadata={"name": policy, "namespace": self._namespace, "annotations": dict(annotations or {})},
            spec=spec,
            opts=pulumi.ResourceOptions(parent=self),
        )


_DNS: dict[str, Any] = {
    "to": [
        {
            "namespace_selector": {"match_labels": {_NAMESPACE_NAME: "kube-system"}},
            "pod_selector": {"match_labels": {"k8s-app": "kube-dns"}},
        }
    ],
    "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}],
}


def _envoy(args: NetworkPoliciesArgs) -> list[dict[str, Any]]:
    if args.exposure is Exposure.HOST_NETWORK:
        return [{"ip_block": {"cidr": cidr}} for cidr in args.edge_cidrs]
    return [
        {
            "namespace_selector": {"match_labels": {_NAMESPACE_NAME: ENVOY_NAMESPACE}},
            "pod_selector": {"match_labels": ENVOY_LABELS},
        }
    ]


def _ingress(labels: Mapping[str, str], sources: list[dict[str, Any]], port: int) -> dict[str, Any]:
    return {
        "pod_selector": {"match_labels": dict(labels)},
        "policy_types": ["Ingress"],
        "ingress": [{"from_": sources, "ports": [{"port": port, "protocol": "TCP"}]}],
    }


def _egress(labels: Mapping[str, str], rules: list[dict[str, Any]]) -> dict[str, Any]:
    return {"pod_selector": {"match_labels": dict(labels)}, "policy_types": ["Egress"], "egress": rules}


def _rule(egress: Egress) -> dict[str, Any]:
    return {
        "to": [{"ip_block": {"cidr": egress.cidr, "except_": list(egress.excluded)}}],
        "ports": [{"port": egress.port, "protocol": "TCP"}],
    }
