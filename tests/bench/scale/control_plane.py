"""The embedded control plane's processes: with other limits than they come with, and what they say of themselves."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from configparser import RawConfigParser
from dataclasses import dataclass
from typing import Final

from local.cluster import processes
from local.cluster.layout import Cluster
from tests.bench.prometheus import Metrics
from tests.cluster.running import Running, eventually

_OPEN: Final = "--authorization-always-allow-paths=/healthz,/readyz,/livez,/metrics"
"""Nobody can ask the API server who may look: neither process is given a kubeconfig for that."""

CONTROLLERS: Final = "kube-controller-manager"
SCHEDULER: Final = "kube-scheduler"


@dataclass(frozen=True)
class Limits:
    """Requests a second to the API server that each controller, and the scheduler, allow themselves."""

    name: str
    controllers: int | None
    scheduler: int | None
    """None is the program's own: 20 and 50 (kube-controller-manager and kube-scheduler, --kube-api-qps)."""


DEFAULT: Final = Limits("default request limits", None, None)
RAISED: Final = Limits("raised request limits", 400, 400)


def start_with(cluster: Cluster, limits: Limits) -> None:
    """Starts the two anew, until the supervisor's configuration is written the next time."""
    supervisor = processes.supervisor(cluster)
    file = cluster.directory / "supervisord.conf"
    config = RawConfigParser()
    config.read(file)
    for name, requests in ((CONTROLLERS, limits.controllers), (SCHEDULER, limits.scheduler)):
        added = [_OPEN]
        if requests is not None:
            added += [f"--kube-api-qps={requests}", f"--kube-api-burst={2 * requests}"]
        section = config[f"program:{name}"]
        kept = [part for part in section["command"].split() if not _is_ours(part)]
        section["command"] = " ".join([*kept, *added])
    with file.open("w", encoding="utf-8") as out:
        config.write(out)
    supervisor.reloadConfig()
    for name in (CONTROLLERS, SCHEDULER):
        supervisor.stopProcess(name)
        supervisor.removeProcessGroup(name)
        supervisor.addProcessGroup(name)
    eventually(lambda: scheduler_metrics(cluster), 60, "the scheduler answers after its restart")


def _is_ours(argument: str) -> bool:
    return argument.startswith(("--authorization-always-allow-paths", "--kube-api-qps", "--kube-api-burst"))


def within(cluster: Cluster, namespace: str) -> tuple[str, ...]:
    """The command that runs another one in a network namespace of the cluster: control, edge, gpu."""
    init = processes.init(cluster)
    assert init is not None, f"cluster {cluster.name} does not run"
    (supervisor,) = init.children()
    # The namespaces are mounted only for the cluster's own processes; /proc shows their file system to others.
    return (
        "nsenter",
        f"--net=/proc/{supervisor.pid}/root{processes.namespaces(cluster)}/{namespace}.net",
    )


def scheduler_metrics(cluster: Cluster) -> Metrics:
    """It listens on the control plane's loopback alone."""
    return Metrics.parse(_get(cluster, "https://127.0.0.1:10259/metrics"))


def etcd_bytes(cluster: Cluster) -> float:
    """What the database takes on the disk."""
    etcd = Metrics.parse(_get(cluster, "http://127.0.0.1:2379/metrics"))
    size = etcd.total("etcd_mvcc_db_total_size_in_bytes")
    assert size > 0, "etcd does not say how large it is"
    return size


def api_metrics(running: Running) -> Metrics:
    """Of the API server, which everybody else asks."""
    return Metrics.parse(raw(running, "/metrics"))


def raw(running: Running, path: str) -> str:
    """What the API server answers at a path, as text."""
    answer = running.api.call_api(
        path, "GET", auth_settings=["BearerToken"], _preload_content=False, _request_timeout=60
    )
    text: str = answer.data.decode()
    return text


def rows(running: Running, path: str, selector: str) -> list[dict[str, str]]:
    """Objects of a kind as kubectl lists them, a cell a column: whole ones would be fifty times as much to read."""
    answer = running.api.call_api(
        path,
        "GET",
        query_params=[("labelSelector", selector), ("includeObject", "None")],
        header_params={"Accept": "application/json;as=Table;g=meta.k8s.io;v=v1"},
        auth_settings=["BearerToken"],
        _preload_content=False,
        _request_timeout=60,
    )
    table = json.loads(answer.data)
    columns = [column["name"] for column in table["columnDefinitions"]]
    return [dict(zip(columns, row["cells"], strict=True)) for row in table["rows"]]


def _get(cluster: Cluster, url: str) -> str:
    command: Sequence[str] = (*within(cluster, "control"), "curl", "-sSfk", "--max-time", "20", url)
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise OSError(f"{url}: {run.stderr.strip()}")
    return run.stdout
