"""Kubernetes objects as plain mappings, and the typed changes that are made to them.

A change that matches nothing is an error: an upstream that renames an object would otherwise lose our replicas, our
node placement or our security settings without a word.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from components.upstream.source import UpstreamError

KubernetesObject: TypeAlias = dict[str, Any]

WORKLOADS = frozenset({"Deployment", "DaemonSet", "StatefulSet", "Job"})
"""The kinds that carry a pod template."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """Edits the one object of this kind and name in place."""

    kind: str
    name: str
    apply: Callable[[KubernetesObject], None]


@dataclass(frozen=True, kw_only=True)
class Drop:
    """Leaves out the one object of this kind and name."""

    kind: str
    name: str


def parse_manifest(path: Path) -> list[KubernetesObject]:
    """All objects of a manifest, in its order."""
    # The C loader: Contour's manifest is half a megabyte, and the pure one takes seconds for it.
    documents = yaml.load_all(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return [document for document in documents if document]


def transform(
    objects: Sequence[KubernetesObject], changes: Iterable[Change | Drop]
) -> list[KubernetesObject]:
    """`objects` after all changes, each of which must find its object."""
    remaining = list(objects)
    for change in changes:
        matches = [item for item in remaining if (item["kind"], name_of(item)) == (change.kind, change.name)]
        if len(matches) != 1:
            raise UpstreamError(
                f"The upstream has {len(matches)} objects {change.kind}/{change.name}, and we change exactly one. "
                "Its layout is not the one that this component was written for."
            )
        if isinstance(change, Drop):
            remaining.remove(matches[0])
        else:
            change.apply(matches[0])
    return remaining


def name_of(item: KubernetesObject) -> str:
    """`metadata.name`."""
    return str(item["metadata"]["name"])


def pod_spec(workload: KubernetesObject) -> dict[str, Any]:
    """The pod spec of a workload's template, to be edited in place."""
    spec: dict[str, Any] = workload["spec"]["template"]["spec"]
    return spec


def container(workload: KubernetesObject, name: str) -> dict[str, Any]:
    """The container of that name, to be edited in place; init containers count."""
    for item in containers(workload):
        if item["name"] == name:
            return item
    raise UpstreamError(f"{workload['kind']}/{name_of(workload)} has no container {name}.")


def containers(workload: KubernetesObject) -> Iterator[dict[str, Any]]:
    """All containers of a workload's template, init containers first."""
    spec = pod_spec(workload)
    yield from spec.get("initContainers", ())
    yield from spec["containers"]
