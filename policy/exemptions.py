"""The exceptions: each from one rule, for one object, with the reason. There are no others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from policy.model import Resource, is_known
from policy.workloads import pod_spec

ANY: Final = "*"
"""The namespace of an object whose namespace is a setting."""


@dataclass(frozen=True, kw_only=True)
class Exemption:
    """One object that a rule passes over."""

    rule: str
    kind: str
    namespace: str = ""
    """Empty for what is in none."""

    name: str
    """May end in a star, for what is named after something else."""

    container: str = ""
    """The only one that is excepted, of a workload. Empty for all that the rule says of the object."""

    where: Callable[[Resource], bool] = lambda _: True
    """Whether the reason holds for the object as it is."""

    reason: str

    def covers(self, rule: str, resource: Resource, problem: str) -> bool:
        """Whether this is the rule, the resource the object, and the problem what is excepted of it."""
        return (
            rule == self.rule
            and resource.in_kubernetes
            and resource.kind == self.kind
            and is_known(resource.object_name)
            and fnmatchcase(str(resource.object_name), self.name)
            # Until its namespace is made, an object's is not known: the update looks again.
            and (
                self.namespace == ANY
                or not is_known(resource.namespace)
                or resource.namespace == self.namespace
            )
            and (not self.container or problem.startswith(f"Container {self.container} "))
            and self.where(resource)
        )


def _in_node_network(workload: Resource) -> bool:
    return pod_spec(workload).get("hostNetwork") is True


ROOT_ENGINES: Final = frozenset({"cosyvoice", "glm-tts", "vllm-omni", "custom"})
"""The engines whose images run as root, or may; `custom` says why in its settings."""


def _is_root_engine(deployment: Resource) -> bool:
    return (deployment.metadata.get("annotations") or {}).get("tts-platform/engine") in ROOT_ENGINES


def _envoy(rule: str, reason: str, where: Callable[[Resource], bool] = lambda _: True) -> Exemption:
    return Exemption(
        rule=rule, kind="DaemonSet", namespace="projectcontour", name="envoy", where=where, reason=reason
    )


def _device_plugin(rule: str, reason: str) -> Exemption:
    return Exemption(
        rule=rule,
        kind="DaemonSet",
        namespace="kube-system",
        name="nvidia-device-plugin-daemonset",
        reason=reason,
    )


def _namespace(rule: str, name: str, reason: str) -> Exemption:
    return Exemption(rule=rule, kind="Namespace", name=name, reason=reason)


def _restored(name: str) -> Exemption:
    return Exemption(
        rule="data-protected",
        kind="PersistentVolumeClaim",
        namespace=ANY,
        name=name,
        reason="A restored claim stays when the program leaves it out (retainOnDelete), which no policy is told.",
    )


_MADE_ANEW: Final = "Holds nothing that an update does not make again."

EXEMPTIONS: Final = (
    _envoy("pod-host-network", "With exposure host_network Envoy listens in its node's network, on purpose."),
    _envoy("pod-host-ports", "Clients and the load balancer reach the edge by its nodes' ports."),
    _envoy(
        "pod-non-root",
        "With exposure host_network, and only with it: root alone is given the capability for ports below 1024.",
        _in_node_network,
    ),
    _device_plugin("pod-volumes", "The plugin offers the GPUs through kubelet's socket, a file of the node."),
    _device_plugin("pod-non-root", "Kubelet's directory of sockets belongs to root."),
    _device_plugin("gpu-nodes-reserved", "It is what tells Kubernetes of the GPUs."),
    Exemption(
        rule="pod-non-root",
        kind="Deployment",
        namespace=ANY,
        name="speech",
        container="speech",
        where=_is_root_engine,
        reason="The images of CosyVoice, GLM-TTS and vLLM-Omni keep everything below /root, as a custom one may.",
    ),
    Exemption(
        rule="service-exposure",
        kind="Service",
        namespace="projectcontour",
        name="envoy",
        reason="With exposure load_balancer this is the edge.",
    ),
    _namespace(
        "namespace-pod-security",
        "projectcontour",
        "Envoy takes ports of its node, which only privileged allows.",
    ),
    _namespace(
        "namespace-denies-by-default",
        "projectcontour",
        "Envoy is there for everybody, and Contour is called by every Envoy, from node addresses with host_network.",
    ),
    _namespace(
        "namespace-denies-by-default",
        "cert-manager",
        "The API server calls the webhook, from an address that no selector matches.",
    ),
    _namespace(
        "namespace-denies-by-default",
        "argocd",
        "Upstream's own policies, one a component, say who may call it.",
    ),
    _restored("outputs-*"),
    _restored("weights-*"),
    _namespace("data-protected", "projectcontour", _MADE_ANEW),
    _namespace("data-protected", "cert-manager", _MADE_ANEW),
    _namespace("data-protected", "argocd", _MADE_ANEW),
)


def exempt(rule: str, resource: Resource, problem: str) -> bool:
    """Whether a rule passes over what it says of a resource."""
    return any(exemption.covers(rule, resource, problem) for exemption in EXEMPTIONS)
