"""How Argo CD's pods run: what each may take, where, and without which privileges.

Refuses an upstream with a container that it does not know: it would run without a limit.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from components.hardening import harden
from components.nodes import EDGE_NODE_SELECTOR
from components.upstream.objects import WORKLOADS, KubernetesObject, containers, name_of, pod_spec
from components.upstream.source import UpstreamError


@dataclass(frozen=True, kw_only=True)
class ContainerResources:
    """What a container asks for, and the memory at which it is ended. Its CPU is not limited."""

    cpu: str
    memory: str
    memory_limit: str


@dataclass(frozen=True, kw_only=True)
class ArgoCdResources:
    """Of each of Argo CD's programs. The defaults are for one service and a cluster of tens of nodes."""

    server: ContainerResources = ContainerResources(cpu="50m", memory="128Mi", memory_limit="512Mi")
    repo_server: ContainerResources = ContainerResources(cpu="50m", memory="128Mi", memory_limit="1Gi")
    """It keeps a clone of the repository in its file system, and what git reads of it in its memory."""

    controller: ContainerResources = ContainerResources(cpu="100m", memory="256Mi", memory_limit="1Gi")
    """It watches every object of the cluster: this is what grows with the cluster."""

    redis: ContainerResources = ContainerResources(cpu="20m", memory="64Mi", memory_limit="256Mi")
    notifications: ContainerResources = ContainerResources(cpu="20m", memory="64Mi", memory_limit="256Mi")


_HELPER: Final = ContainerResources(cpu="10m", memory="32Mi", memory_limit="256Mi")
"""Runs once and ends, or sleeps. Some are Argo CD's own binary, which takes more than its work would."""

_HAPROXY: Final = ContainerResources(cpu="20m", memory="64Mi", memory_limit="256Mi")

_HELPERS: Final = ("secret-init", "copyutil", "config-init", "sentinel", "split-brain-fix")


def run(objects: Iterable[KubernetesObject], resources: ArgoCdResources) -> None:
    """Bounds, places and hardens every workload among `objects`, in place."""
    by_container = _by_container(resources)
    for workload in _workloads(objects):
        pod_spec(workload)["nodeSelector"] = dict(EDGE_NODE_SELECTOR)
        harden(workload)
        for container in containers(workload):
            if container["name"] not in by_container:
                raise UpstreamError(
                    f"{workload['kind']}/{name_of(workload)} has a container {container['name']}, of which nobody "
                    "has said what it may take."
                )
            container["resources"] = _written(by_container[container["name"]])
            # Tags are never moved, and a node that has the image starts the pod also while the registry is away.
            container["imagePullPolicy"] = "IfNotPresent"


def disruption_budgets(objects: Iterable[KubernetesObject]) -> list[KubernetesObject]:
    """One for each workload of several pods: a drain takes one at a time, and redis keeps its quorum."""
    return [
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": name_of(item), "namespace": item["metadata"]["namespace"]},
            "spec": {"maxUnavailable": 1, "selector": item["spec"]["selector"]},
        }
        for item in _workloads(objects)
        if item["spec"].get("replicas", 1) > 1
    ]


def _by_container(resources: ArgoCdResources) -> Mapping[str, ContainerResources]:
    return {
        "argocd-server": resources.server,
        "argocd-repo-server": resources.repo_server,
        "argocd-application-controller": resources.controller,
        "argocd-notifications-controller": resources.notifications,
        "redis": resources.redis,
        "haproxy": _HAPROXY,
        **dict.fromkeys(_HELPERS, _HELPER),
    }


def _workloads(objects: Iterable[KubernetesObject]) -> Iterable[KubernetesObject]:
    return (item for item in objects if item["kind"] in WORKLOADS)


def _written(resources: ContainerResources) -> dict[str, Any]:
    return {
        "requests": {"cpu": resources.cpu, "memory": resources.memory},
        "limits": {"memory": resources.memory_limit},
    }
