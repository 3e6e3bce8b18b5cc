"""Every object that a cluster holds, of every kind that it knows."""

import json
from typing import Any

from tests.cluster.running import Running

_PASSING = {"events", "leases", "componentstatuses"}
"""Come and go by themselves, or are none."""

_OF_THE_CLUSTER = {"kube-system", "storage"}
_OF_A_WORKLOAD = {"pods", "replicasets", "controllerrevisions", "endpoints", "endpointslices"}
"""Follow from a workload that is listed itself; those of the cluster's own add-ons change names over a restart."""


def inventory(running: Running) -> set[str]:
    """One line an object: group/version, resource, namespace, name."""
    found = set()
    for group_version in _group_versions(running):
        for resource in _get(running, group_version)["resources"]:
            name = resource["name"]
            if "/" in name or "list" not in resource["verbs"] or name in _PASSING:
                continue
            for item in _get(running, f"{group_version}/{name}")["items"]:
                metadata = item["metadata"]
                namespace = metadata.get("namespace", "")
                if name in _OF_A_WORKLOAD and namespace in _OF_THE_CLUSTER:
                    continue
                found.add(f"{group_version.removeprefix('/')} {name} {namespace}/{metadata['name']}")
    return found


def _group_versions(running: Running) -> list[str]:
    groups = _get(running, "/apis")["groups"]
    return ["/api/v1", *(f"/apis/{group['preferredVersion']['groupVersion']}" for group in groups)]


def _get(running: Running, path: str) -> dict[str, Any]:
    answered = running.api.call_api(
        path,
        "GET",
        header_params={"Accept": "application/json"},
        auth_settings=["BearerToken"],
        _preload_content=False,
        _request_timeout=20,
    )
    answer: dict[str, Any] = json.loads(answered.data)
    return answer
