"""What runs in pods, in whatever kind of object it is declared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from policy.model import Resource, Undecided, each, kubernetes

_TEMPLATED: Final = ("Deployment", "DaemonSet", "StatefulSet", "ReplicaSet", "ReplicationController", "Job")
_CONTAINERS: Final = ("initContainers", "containers", "ephemeralContainers")

is_workload = kubernetes("Pod", "CronJob", *_TEMPLATED)


def pod_spec(workload: Resource) -> Mapping[str, Any]:
    """The spec of the pods that the object makes."""
    spec = _mapping(workload.properties, "spec")
    if workload.kind == "CronJob":
        spec = _mapping(_mapping(spec, "jobTemplate"), "spec")
    return spec if workload.kind == "Pod" else _mapping(_mapping(spec, "template"), "spec")


def containers(workload: Resource) -> Iterator[Mapping[str, Any]]:
    """All containers of the pods: those that prepare, and those that somebody attaches, too."""
    spec = pod_spec(workload)
    for key in _CONTAINERS:
        yield from spec.get(key) or ()


def in_containers(workload: Resource, look: Callable[[Mapping[str, Any]], Iterator[str]]) -> Iterator[str]:
    """What is wrong with each of them; one that only the update knows hides none of the others."""
    spec = pod_spec(workload)
    for key in _CONTAINERS:
        with suppress(Undecided):
            yield from each(spec.get(key) or (), look)


def security(container: Mapping[str, Any]) -> Mapping[str, Any]:
    """Security context of a container, or of a pod."""
    return _mapping(container, "securityContext")


def quantities(container: Mapping[str, Any], which: str) -> Mapping[str, Any]:
    """`requests` or `limits` of a container."""
    return _mapping(_mapping(container, "resources"), which)


def title(container: Mapping[str, Any]) -> str:
    """A container, as a message calls it."""
    return f"Container {container.get('name', '?')}"


def _mapping(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = parent.get(key) or {}
    return found
