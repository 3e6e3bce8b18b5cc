"""What every Kubernetes has and the processes alone have not: DNS, volumes, and enforcement of NetworkPolicy."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from string import Template

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from rich.console import Console
from tenacity import (
    RetryError,
    Retrying,
    retry_if_exception_type,
    retry_if_result,
    stop_after_delay,
    wait_fixed,
)
from urllib3.exceptions import HTTPError

from local import toolchain
from local.cluster import processes
from local.cluster.layout import GPU_RESOURCE, GPUS, NODES, Cluster
from local.errors import LocalError

MANIFESTS = Path(__file__).parent / "manifests"

DEPLOYMENTS = (
    ("kube-system", "coredns"),
    ("kube-system", "snapshot-controller"),
    ("storage", "csi-driver-controller"),
)
DAEMON_SETS = (("kube-system", "kube-network-policies"), ("storage", "csi-driver-node"))

WAIT = 300
"""Seconds for a cold start on two busy cores; a warm one takes less than thirty."""


def api(cluster: Cluster) -> client.ApiClient:
    """A client of the cluster's API server, as its administrator."""
    return config.new_client_from_config(config_file=str(cluster.kubeconfig))


def wait_for_nodes(cluster: Cluster, console: Console) -> None:
    """Returns when the API answers and every node is ready and the gpu node has its GPUs."""
    core = client.CoreV1Api(api(cluster))
    _wait(cluster, console, "the API server and both nodes", lambda: _nodes_missing(core))


def _nodes_missing(core: client.CoreV1Api) -> list[str]:
    ready = set()
    for node in core.list_node(_request_timeout=10).items:
        conditions = {condition.type: condition.status for condition in node.status.conditions or []}
        if conditions.get("Ready") == "True":
            ready.add(node.metadata.name)
        if node.metadata.name == "gpu" and node.status.allocatable.get(GPU_RESOURCE) != str(GPUS):
            ready.discard("gpu")
    return [f"node {node}" for node in NODES if node not in ready]


def apply(cluster: Cluster, tools: Path) -> None:
    """Applies the add-ons' manifests; applying them again changes nothing."""
    values = {"dns_address": str(cluster.dns_address), "control_address": str(cluster.control_address)}
    manifests = [file.read_text() for file in toolchain.snapshot_kinds()]
    manifests += [Template(file.read_text()).substitute(values) for file in sorted(MANIFESTS.glob("*.yaml"))]
    command = [
        f"{tools}/kubectl",
        f"--kubeconfig={cluster.kubeconfig}",
        "apply",
        "--server-side",
        "--force-conflicts",
    ]
    run = subprocess.run(
        [*command, "--field-manager=tts-platform-local", "--filename=-"],
        input="\n---\n".join(manifests),
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode != 0:
        raise LocalError(f"The cluster's add-ons could not be applied: {run.stderr.strip().splitlines()[-1]}")


def wait_for_addons(cluster: Cluster, console: Console) -> None:
    """Returns when every add-on is whole."""
    apps = client.AppsV1Api(api(cluster))
    _wait(cluster, console, "DNS, volumes and network policies", lambda: addons_missing(apps))


def addons_missing(apps: client.AppsV1Api) -> list[str]:
    """The add-ons that are not whole."""
    missing = []
    for namespace, name in DEPLOYMENTS:
        deployment = apps.read_namespaced_deployment(name, namespace, _request_timeout=10)
        status = deployment.status
        current = (status.observed_generation or 0) >= deployment.metadata.generation
        if not current or (status.updated_replicas or 0) < 1 or (status.available_replicas or 0) < 1:
            missing.append(name)
    for namespace, name in DAEMON_SETS:
        daemon_set = apps.read_namespaced_daemon_set(name, namespace, _request_timeout=10)
        status = daemon_set.status
        current = (status.observed_generation or 0) >= daemon_set.metadata.generation
        ready = min(status.number_ready or 0, status.updated_number_scheduled or 0)
        if not current or ready < len(NODES):
            missing.append(name)
    return missing


def _wait(cluster: Cluster, console: Console, what: str, missing: Callable[[], list[str]]) -> None:
    retrying = Retrying(
        wait=wait_fixed(0.5),
        stop=stop_after_delay(WAIT),
        retry=retry_if_exception_type((ApiException, HTTPError)) | retry_if_result(bool),
    )
    with console.status(f"Waiting for {what}"):
        try:
            retrying(missing)
        except RetryError as error:
            attempt = error.last_attempt
            left = attempt.exception() if attempt.failed else ", ".join(attempt.result())
            raise LocalError(
                f"Not ready after {WAIT} s: {left}. See make status, and the logs in {cluster.logs}."
            ) from None
        finally:
            if processes.init(cluster) is None:
                raise LocalError(f"The cluster's supervisor has ended; see {cluster.logs}/supervisord.log.")
