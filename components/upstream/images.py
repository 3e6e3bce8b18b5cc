"""Images from a registry mirror instead of the registries that an upstream names."""

from collections.abc import Iterable

from components.upstream.objects import WORKLOADS, KubernetesObject, containers

_IMAGE_ARGUMENTS = ("--acme-http01-solver-image=",)
"""Arguments that carry an image: pods that a controller starts by itself, which no manifest shows."""


def mirrored(image: str, registry: str) -> str:
    """`image` on `registry`: the registry's host is replaced, repository and tag are kept.

    A name's first part is a host only if it has a dot or a port, or is localhost; `envoyproxy/envoy` has none.
    """
    first, slash, rest = image.partition("/")
    host_named = bool(slash) and ("." in first or ":" in first or first == "localhost")
    return f"{registry.rstrip('/')}/{rest if host_named else image}"


def use_registry(objects: Iterable[KubernetesObject], registry: str) -> None:
    """Points every image of every workload at `registry`, in place."""
    for workload in (item for item in objects if item["kind"] in WORKLOADS):
        for container in containers(workload):
            container["image"] = mirrored(container["image"], registry)
            if "args" in container:
                container["args"] = [_mirrored_argument(argument, registry) for argument in container["args"]]


def _mirrored_argument(argument: str, registry: str) -> str:
    for prefix in _IMAGE_ARGUMENTS:
        if argument.startswith(prefix):
            return prefix + mirrored(argument.removeprefix(prefix), registry)
    return argument
