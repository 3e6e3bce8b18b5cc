"""What Contour and Envoy say of themselves, and what they take of the machine."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import psutil

from tests.bench.prometheus import Metrics
from tests.cluster import faults
from tests.cluster.running import EDGE_NAMESPACE, Running

REBUILD: Final = "contour_dagrebuild_seconds"
"""Contour builds its graph of routes anew from all objects."""

TRANSLATE: Final = "contour_cachehandler_onupdate_duration_seconds"
"""Contour makes Envoy's configuration of the graph."""

_READ: Final = tuple(f"{name}_{part}" for name in (REBUILD, TRANSLATE) for part in ("count", "sum"))

_ESTABLISHED: Final = "01"
_XDS_PORT: Final = 8001

PROGRAMS: Final = {"Contour": faults.program("contour", "serve"), "Envoy": faults.program("envoy")}


def contours(running: Running) -> Counter[str]:
    """Both Contours' metrics, added up."""
    total: Counter[str] = Counter()
    for pod in running.ready_pods(EDGE_NAMESPACE, "app=contour"):
        # The API server's proxy: the host has no route to pods.
        said: Any = running.core.connect_get_namespaced_pod_proxy_with_path(
            f"{pod.metadata.name}:8000", EDGE_NAMESPACE, "metrics", _preload_content=False
        )
        metrics = Metrics.parse(said.data.decode())
        total.update({name: metrics.total(name) for name in _READ})
    if not total[f"{REBUILD}_count"]:
        raise RuntimeError("Contour says nothing of its rebuilds")
    return total


def mean(before: Mapping[str, float], after: Mapping[str, float], name: str) -> float | None:
    """Seconds that each took between two looks; None where none was, or where a program was started anew."""
    count = after[f"{name}_count"] - before[f"{name}_count"]
    return (after[f"{name}_sum"] - before[f"{name}_sum"]) / count if count > 0 else None


def memory(running: Running) -> dict[str, float]:
    """MiB of the largest process of each program."""
    return {
        name: max(process.memory_info().rss for process in _processes(running, name)) / 2**20
        for name in PROGRAMS
    }


def peak(running: Running) -> dict[str, float]:
    """MiB: the most that the largest process of each program has ever had."""
    return {name: max(map(_high_water, _processes(running, name))) for name in PROGRAMS}


def _high_water(process: psutil.Process) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    (kibibytes,) = re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(kibibytes) / 2**10


def hears_from(running: Running) -> set[str]:
    """Names of the Contours' pods that tell an Envoy what to do."""
    return {process.environ()["HOSTNAME"] for process in _processes(running, "Contour") if _tells(process)}


def _tells(contour: psutil.Process) -> bool:
    """Whether a connection to its xDS port is there, by its pod's own network."""
    for family in ("tcp", "tcp6"):
        lines = Path(f"/proc/{contour.pid}/net/{family}").read_text(encoding="utf-8").splitlines()[1:]
        for _, local, _, state, *_ in (line.split() for line in lines):
            if local.endswith(f":{_XDS_PORT:04X}") and state == _ESTABLISHED:
                return True
    return False


def leader(running: Running) -> str:
    """Name of the Contour that writes the statuses."""
    lease = running.coordination.read_namespaced_lease("leader-elect", EDGE_NAMESPACE)
    return str(lease.spec.holder_identity).rpartition("_")[0]


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
