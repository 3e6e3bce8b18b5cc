"""What every container of ours and of our upstreams gives up: privileges that none of them uses."""

from typing import Any

from components.upstream.objects import KubernetesObject, containers, pod_spec

SECCOMP = {"type": "RuntimeDefault"}


def without_privileges() -> dict[str, Any]:
    """A container's security context that Pod Security `restricted` accepts."""
    return {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def restricted_namespace(name: str) -> KubernetesObject:
    """A namespace in which Pod Security takes no pod with privileges."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
    }


def harden(workload: KubernetesObject) -> None:
    """Takes all privileges from a workload's containers, in place; what they run as stays upstream's."""
    pod_spec(workload).setdefault("securityContext", {})["seccompProfile"] = dict(SECCOMP)
    for container in containers(workload):
        container.setdefault("securityContext", {}).update(without_privileges())
