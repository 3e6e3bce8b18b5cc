"""What the Contours say of their work, by container: one that is started anew counts from nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tests.bench.prometheus import Metrics
from tests.cluster.running import EDGE_NAMESPACE, Running

REBUILD: Final = "contour_dagrebuild_seconds"
"""Contour builds its graph of routes anew from all objects."""

TRANSLATE: Final = "contour_cachehandler_onupdate_duration_seconds"
"""Contour makes Envoy's configuration of the graph."""


def look(running: Running) -> dict[str, Metrics]:
    """The metrics of each Contour that is ready."""
    found = {}
    for pod in running.ready_pods(EDGE_NAMESPACE, "app=contour"):
        # The API server's proxy: the host has no route to pods.
        said: Any = running.core.connect_get_namespaced_pod_proxy_with_path(
            f"{pod.metadata.name}:8000",
            EDGE_NAMESPACE,
            "metrics",
            _preload_content=False,
            _request_timeout=60,
        )
        metrics = Metrics.parse(said.data.decode())
        if not metrics.total(f"{REBUILD}_count"):
            raise RuntimeError(f"{pod.metadata.name} says nothing of its rebuilds")
        found[pod.status.container_statuses[0].container_id] = metrics
    return found


def mean(before: Mapping[str, Metrics], after: Mapping[str, Metrics], what: str) -> float | None:
    """Seconds that each took between two looks, of the containers that ran all the while; None where none was done."""

    def added(part: str) -> float:
        name = f"{what}_{part}"
        return sum(
            after[each].total(name) - before[each].total(name) for each in before.keys() & after.keys()
        )

    count = added("count")
    return added("sum") / count if count else None
