"""What runs in a cluster, where, and whether it is well, in one screen."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from kubernetes import client
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException
from rich.console import Console
from rich.table import Table
from urllib3.exceptions import HTTPError

from local.cluster import addons, processes
from local.cluster.layout import Cluster


@dataclass(frozen=True)
class Row:
    """One line of the status."""

    kind: str
    name: str
    where: str
    state: str
    healthy: bool


def rows(cluster: Cluster) -> list[Row]:
    """One row a process, node, pod and claim; a part that does not answer is a row that says so."""
    return [*_processes(cluster), *_kubernetes(cluster)]


def _processes(cluster: Cluster) -> list[Row]:
    try:
        answers = processes.supervisor(cluster).getAllProcessInfo()
    except OSError:
        return [Row("process", "supervisord", "host", "does not run", False)]
    return [
        # A running one's description is "pid 12, uptime 0:01:02", and the pid is one of the cluster's own namespace.
        Row(
            "process",
            answer["name"],
            "host",
            answer["description"].partition(", ")[2] or answer["description"],
            answer["statename"] == "RUNNING",
        )
        for answer in answers
    ]


def _kubernetes(cluster: Cluster) -> list[Row]:
    try:
        core = client.CoreV1Api(addons.api(cluster))
        nodes = core.list_node(_request_timeout=5).items
        pods = core.list_pod_for_all_namespaces(_request_timeout=5).items
        claims = core.list_persistent_volume_claim_for_all_namespaces(_request_timeout=5).items
    except (ApiException, ConfigException, HTTPError) as error:
        return [Row("api", cluster.server, "host", f"does not answer ({type(error).__name__})", False)]
    found = [_node(node) for node in nodes]
    # A failed pod is history: its controller has replaced it.
    found += [_pod(pod) for pod in pods if pod.status.phase != "Failed"]
    for claim in claims:
        name = f"{claim.metadata.namespace}/{claim.metadata.name}"
        size = (claim.status.capacity or {}).get("storage", "")
        found.append(Row("claim", name, size, claim.status.phase, claim.status.phase == "Bound"))
    return found


def _node(node: client.V1Node) -> Row:
    ready = any(c.type == "Ready" and c.status == "True" for c in node.status.conditions or [])
    gpus = node.status.allocatable.get("nvidia.com/gpu", "0")
    address = next(a.address for a in node.status.addresses if a.type == "InternalIP")
    return Row(
        "node", node.metadata.name, address, f"{'ready' if ready else 'not ready'}, {gpus} GPUs", ready
    )


def _pod(pod: client.V1Pod) -> Row:
    containers = pod.status.container_statuses or []
    ready = sum(container.ready for container in containers)
    restarts = sum(container.restart_count for container in containers)
    waiting = [c.state.waiting.reason for c in containers if c.state.waiting]
    state = ", ".join(waiting) or pod.status.phase
    text = f"{ready}/{len(pod.spec.containers)} {state}" + (f", {restarts} restarts" if restarts else "")
    healthy = pod.status.phase == "Succeeded" or ready == len(pod.spec.containers)
    return Row(
        "pod", f"{pod.metadata.namespace}/{pod.metadata.name}", pod.spec.node_name or "", text, healthy
    )


def show(cluster: Cluster, console: Console, *, as_json: bool) -> bool:
    """Prints the rows and returns whether all of them are well."""
    found = rows(cluster)
    well = all(row.healthy for row in found)
    if as_json:
        document = {"cluster": cluster.name, "healthy": well, "rows": [asdict(row) for row in found]}
        console.print_json(json.dumps(document))
        return well
    table = Table(title=f"Cluster {cluster.name}, {cluster.server}", title_justify="left", box=None)
    for column in ("", "kind", "name", "where", "state"):
        table.add_column(column, no_wrap=True)
    for row in found:
        mark = "[green]ok[/green]" if row.healthy else "[red]no[/red]"
        table.add_row(mark, row.kind, row.name, row.where, row.state)
    console.print(table)
    return well
