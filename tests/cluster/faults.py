"""The cluster's processes, as the host sees them, and their sudden end.

A process counts as the cluster's where it descends from its first one; no other is ever touched.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from local.cluster import processes
from local.cluster.layout import Cluster
from tests.cluster.running import eventually


def alive(cluster: Cluster) -> list[psutil.Process]:
    """Every process of the cluster, containers' included."""
    first = processes.init(cluster)
    assert first is not None, f"cluster {cluster.name} does not run"
    return first.children(recursive=True)


def matching(cluster: Cluster, is_wanted: Callable[[list[str]], bool]) -> list[psutil.Process]:
    """The cluster's processes with such a command line."""
    found = []
    for process in alive(cluster):
        with suppress(psutil.Error):
            if is_wanted(process.cmdline()):
                found.append(process)
    return found


def program(name: str, *arguments: str) -> Callable[[list[str]], bool]:
    """A program by its file's name, with these arguments first."""

    def is_wanted(command: list[str]) -> bool:
        if not command:
            return False
        return Path(command[0]).name == name and command[1:][: len(arguments)] == [*arguments]

    return is_wanted


CONTOURS_ENVOY = program("envoy", "-c", "/config/envoy.json")
"""The Envoy of the edge, and no other that runs beside it."""


def kill(cluster: Cluster, is_wanted: Callable[[list[str]], bool]) -> int:
    """`kill -9` of each match; returns when all of them are dead, with their number."""
    found = matching(cluster, is_wanted)
    _kill(found)
    return len(found)


def crash_node(cluster: Cluster, node: str) -> int:
    """Everything on a node ends at once: kubelet, containerd, its shims and the containers' processes."""
    kubelet = next(
        process
        for process in matching(cluster, program("kubelet"))
        if f"--hostname-override={node}" in process.cmdline()
    )
    namespace = _mounts(kubelet.pid)
    found: dict[int, psutil.Process] = {}
    for process in alive(cluster):
        with suppress(psutil.Error, OSError):
            if _mounts(process.pid) == namespace:
                # Containers have mounts of their own, and hang below a shim, which has the node's.
                found |= {one.pid: one for one in [process, *process.children(recursive=True)]}
    _kill([*found.values()])
    return len(found)


def _mounts(pid: int) -> str:
    return os.readlink(f"/proc/{pid}/ns/mnt")  # noqa: PTH115 - a namespace's link names no path


def _kill(found: list[psutil.Process]) -> None:
    for process in found:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    eventually(
        lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in found),
        20,
        "killed is dead",
    )
