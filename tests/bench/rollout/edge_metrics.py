"""What Contour and Envoy say of themselves, and what they take of the machine."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import psutil

from tests.cluster import faults
from tests.cluster.running import EDGE_NAMESPACE, Running

REBUILD: Final = "contour_dagrebuild_seconds"
"""Contour builds its graph of routes anew from all objects."""

TRANSLATE: Final = "contour_cachehandler_onupdate_duration_seconds"
"""Contour makes Envoy's configuration of the graph."""

_LINE: Final = re.compile(r"^(\w+) (\S+)$", re.MULTILINE)
"""A sample without labels."""

PROGRAMS: Final = {"Contour": faults.program("contour", "serve"), "Envoy": faults.program("envoy")}


def parsed(text: str) -> dict[str, float]:
    """The samples without labels of Prometheus' text format."""
    return {name: float(value) for name, value in _LINE.findall(text)}


def contours(running: Running) -> Counter[str]:
    """Both Contours' metrics, added up."""
    total: Counter[str] = Counter()
    for pod in running.ready_pods(EDGE_NAMESPACE, "app=contour"):
        # The API server's proxy: the host has no route to pods.
        said: Any = running.core.connect_get_namespaced_pod_proxy_with_path(
            f"{pod.metadata.name}:8000", EDGE_NAMESPACE, "metrics", _preload_content=False
        )
        total.update(parsed(said.data.decode()))
    if f"{REBUILD}_count" not in total:
        raise RuntimeError("Contour says nothing of its rebuilds")
    return total


def mean(before: Mapping[str, float], after: Mapping[str, float], name: str) -> float | None:
    """Seconds that each took between two looks; None where none was."""
    count = after[f"{name}_count"] - before[f"{name}_count"]
    return (after[f"{name}_sum"] - before[f"{name}_sum"]) / count if count else None


def memory(running: Running) -> dict[str, float]:
    """MiB of the largest process of each program."""
    return {
        name: max(process.memory_info().rss for process in _processes(running, name)) / 2**20
        for name in PROGRAMS
    }


def processor(running: Running) -> dict[str, float]:
    """Seconds of the processor that all processes of each program have taken."""
    return {
        name: sum(sum(process.cpu_times()[:2]) for process in _processes(running, name)) for name in PROGRAMS
    }


def _processes(running: Running, name: str) -> list[psutil.Process]:
    found = faults.matching(running.cluster, PROGRAMS[name])
    if not found:
        raise RuntimeError(f"no {name} runs")
    return found
