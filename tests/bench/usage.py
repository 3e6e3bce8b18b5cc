"""Memory and processor time of the cluster's programs, which are plain processes of this machine."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from local.cluster.layout import Cluster
from tests.cluster.faults import alive

GROUPS: Final[Mapping[str, Sequence[str]]] = {
    "control plane": ("kube-apiserver", "etcd", "kube-controller-manager", "kube-scheduler"),
    "edge": ("contour", "envoy"),
    "on the two nodes": ("kube-proxy", "kube-network-policies"),
}
ARGO_CD_ROLES: Final = (
    "argocd-application-controller",
    "argocd-repo-server",
    "argocd-server",
    "redis-server",
)
_FILES: Final[Mapping[str, str]] = {"netpol": "kube-network-policies"}
"""What a program's file is called in its image, where that is not its name."""

ROLES: Final = frozenset([*ARGO_CD_ROLES, *(role for roles in GROUPS.values() for role in roles)])


def role(command: list[str]) -> str | None:
    """What the figures call a process; None of one that is not looked at."""
    if not command:
        return None
    # redis writes its address behind its name.
    name = Path(command[0].partition(" ")[0]).name
    if name == "contour":
        return name if command[1:2] == ["serve"] else None
    return name if name in ROLES else _FILES.get(name)


class Usage:
    """The processes of a cluster, found anew for each look: containers are started again."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def memory(self) -> Mapping[str, float]:
        """MiB that are resident, of the largest process of each role."""
        return self._largest(lambda process: process.memory_info().rss / 2**20)

    def peak(self) -> Mapping[str, float]:
        """MiB: the most that the largest process of each role has ever had."""
        return self._largest(_high_water)

    def seconds(self) -> Mapping[str, float]:
        """Of the processor, that all processes of each role have taken since they began."""
        used: dict[str, float] = {}
        for (name, _), seconds in self._times().items():
            used[name] = used.get(name, 0.0) + seconds
        return used

    def processor(self, seconds: float) -> Mapping[str, float]:
        """Cores in use over so many seconds from now, of all processes of a role together."""
        before = self._times()
        started = time.monotonic()
        time.sleep(seconds)
        took = time.monotonic() - started
        used: dict[str, float] = {}
        for (name, pid), at in self._times().items():
            used[name] = used.get(name, 0.0) + (at - before.get((name, pid), 0.0)) / took
        return used

    def _largest(self, of: Callable[[psutil.Process], float]) -> dict[str, float]:
        found: dict[str, float] = {}
        for name, process in self._processes():
            with suppress(psutil.Error, FileNotFoundError):
                found[name] = max(found.get(name, 0.0), of(process))
        return found

    def _times(self) -> dict[tuple[str, int], float]:
        found = {}
        for name, process in self._processes():
            with suppress(psutil.Error):
                times = process.cpu_times()
                found[name, process.pid] = times.user + times.system
        return found

    def _processes(self) -> list[tuple[str, psutil.Process]]:
        found = []
        for process in alive(self._cluster):
            with suppress(psutil.Error):
                name = role(process.cmdline())
                if name is not None:
                    found.append((name, process))
        return found


def _high_water(process: psutil.Process) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    (kibibytes,) = re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(kibibytes) / 2**10
