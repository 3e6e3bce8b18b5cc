"""The rules of namespaces, routes and Services, each with objects that keep it and objects that break it."""

from collections.abc import Mapping
from typing import Any

import pytest

from components.edge import ENVOY_NAMESPACE
from policy.model import UNKNOWN, Resource
from tests.support.policy import Example, judge, kubernetes


def proxy(**spec: Any) -> Resource:
    return kubernetes("HTTPProxy", {"spec": spec})


def service(type_: str | None, **metadata: Any) -> Resource:
    return kubernetes("Service", {"metadata": metadata, "spec": {"type": type_} if type_ else {}})


def namespace(name: str = "tts", **metadata: Any) -> Resource:
    return kubernetes("Namespace", {"metadata": {"name": name, "namespace": "", **metadata}})


def network_policy(spec: Mapping[str, Any], place: object = "tts", **more: Any) -> Resource:
    return kubernetes("NetworkPolicy", {"metadata": {"namespace": place}, "spec": spec}, **more)


def delivered(place: object) -> Resource:
    return kubernetes("Application", {"spec": {"destination": {"namespace": place}}})


DENY: Mapping[str, Any] = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
UNGUARDED = "Namespace tts has no NetworkPolicy that denies everything."
ENFORCE = "pod-security.kubernetes.io/enforce"


EXAMPLES = [
    Example(
        "namespace-pod-security",
        "restricted, and baseline with the reason",
        [
            namespace(labels={ENFORCE: "restricted"}),
            namespace(labels={ENFORCE: "baseline"}, annotations={"tts-platform/runs-as-root": "The image."}),
        ],
    ),
    Example(
        "namespace-pod-security",
        "nothing, baseline without a reason, and less for a reason",
        [
            namespace(),
            namespace(labels={ENFORCE: "baseline"}),
            namespace(
                labels={ENFORCE: "privileged"}, annotations={"tts-platform/runs-as-root": "The image."}
            ),
        ],
        [
            "The namespace enforces nothing.",
            "The namespace enforces baseline.",
            "The namespace enforces privileged.",
        ],
    ),
    Example("namespace-denies-by-default", "denied", [namespace(), network_policy(DENY)]),
    Example(
        "namespace-denies-by-default",
        "denied by two policies, a direction each, one of which names none",
        [namespace(), network_policy({"podSelector": {}}), network_policy({"policyTypes": ["Egress"]})],
    ),
    Example(
        "namespace-denies-by-default",
        "open, beside one whose name only the update knows",
        [
            Resource(
                type="kubernetes:core/v1:Namespace", name="it", properties={"metadata": {"name": UNKNOWN}}
            ),
            delivered("other"),
            namespace(),
        ],
        [UNGUARDED],
    ),
    Example(
        "namespace-denies-by-default",
        "denied, in a namespace that is not made yet",
        [namespace(), network_policy(DENY, UNKNOWN, dependencies={namespace().urn})],
    ),
    Example("namespace-denies-by-default", "delivered from git", [namespace(), delivered("tts")]),
    Example(
        "namespace-denies-by-default",
        "delivered from git elsewhere",
        [namespace(), delivered("other"), delivered(UNKNOWN)],
        [UNGUARDED],
    ),
    Example("namespace-denies-by-default", "the edge", [namespace(ENVOY_NAMESPACE)]),
    Example("namespace-denies-by-default", "no policy", [namespace()], [UNGUARDED]),
    Example(
        "namespace-denies-by-default",
        "another's policy",
        [namespace(), network_policy(DENY, "other"), network_policy(DENY, UNKNOWN)],
        [UNGUARDED],
    ),
    Example(
        "namespace-denies-by-default",
        "policies that leave something open",
        [
            namespace(),
            network_policy({**DENY, "policyTypes": ["Ingress"]}),
            network_policy({**DENY, "podSelector": {"matchLabels": {"app": "speech"}}}),
            network_policy({**DENY, "podSelector": {"matchExpressions": [{"key": "app"}]}}),
            network_policy({**DENY, "ingress": [{}]}),
            network_policy({**DENY, "egress": [{}]}),
        ],
        [UNGUARDED],
    ),
    Example(
        "httpproxy-tls",
        "TLS, and a part of another proxy",
        [
            proxy(
                virtualhost={"fqdn": "a.test", "tls": {"secretName": "s", "minimumProtocolVersion": "1.3"}}
            ),
            proxy(virtualhost={"fqdn": "a.test", "tls": {"passthrough": True}}),
            proxy(routes=[{"services": []}]),
        ],
    ),
    Example(
        "httpproxy-tls",
        "none, an old one, and a way past it",
        [
            proxy(virtualhost={"fqdn": "a.test"}),
            proxy(
                virtualhost={"fqdn": "a.test", "tls": {"secretName": "s", "minimumProtocolVersion": "1.1"}}
            ),
            proxy(
                virtualhost={"fqdn": "a.test", "tls": {"secretName": "s"}}, routes=[{"permitInsecure": True}]
            ),
        ],
        ["a.test has no TLS.", "a.test speaks TLS 1.1.", "A route is served in clear too: permitInsecure."],
    ),
    Example(
        "httpproxy-tls",
        "an Ingress, which Contour takes too",
        [
            kubernetes("Ingress", {"spec": {"rules": [{"host": "a.test"}]}}),
            kubernetes("Ingress", {"spec": {"tls": [{"hosts": ["a.test"], "secretName": "s"}]}}),
        ],
        ["Contour serves an Ingress in clear."] * 2,
    ),
    Example(
        "service-exposure",
        "inside, and the edge",
        [
            service("ClusterIP"),
            service(None),
            service("LoadBalancer", name="envoy", namespace=ENVOY_NAMESPACE),
        ],
    ),
    Example(
        "service-exposure", "outside", [service("LoadBalancer")], ["The Service is of type LoadBalancer."]
    ),
    Example("service-node-port", "none", [service("ClusterIP")]),
    Example("service-node-port", "one", [service("NodePort")], ["The Service is of type NodePort."]),
    Example(
        "service-node-port",
        "an address that every node answers for",
        [kubernetes("Service", {"spec": {"externalIPs": ["198.51.100.7"]}})],
        ["The Service has external addresses: externalIPs."],
    ),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_rule(example: Example) -> None:
    judge(example)
