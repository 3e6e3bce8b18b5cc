"""What the Contours say of their work, by container (one that is started anew counts from nothing), their file, and
what their Envoys begin with."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from typing import Any, Final

import yaml

from tests.bench.prometheus import Metrics
from tests.bench.results import Results
from tests.cluster.running import EDGE_NAMESPACE, Running

REBUILD: Final = "contour_dagrebuild_seconds"
"""Contour builds its graph of routes anew from all objects."""

TRANSLATE: Final = "contour_cachehandler_onupdate_duration_seconds"
"""Contour makes Envoy's configuration of the graph."""

WORK: Final = "Contour's work for one change"
"""The figure of both."""


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


def add_work(
    results: Results, before: Mapping[str, Metrics], after: Mapping[str, Metrics], case: str, x: float
) -> None:
    """What one change took of a Contour between two looks, or a note that nobody counted it."""
    for side, work in (("graph", REBUILD), ("Envoy's configuration", TRANSLATE)):
        seconds = mean(before, after, work)
        if seconds is None:
            results.notes.append(
                f"{case}: no Contour ran for all of the changes, and so nobody counted {work}."
            )
        else:
            results.add(side, case, WORK, "ms", seconds * 1000, x)


def configuration(running: Running) -> dict[str, Any]:
    """Contour's file."""
    found = running.core.read_namespaced_config_map("contour", EDGE_NAMESPACE)
    written: dict[str, Any] = yaml.safe_load(found.data["contour.yaml"])
    return written


def configure(running: Running, configuration: Mapping[str, Any]) -> None:
    """Has Contour, and through it Envoy, take another file: it reads it at its start only."""
    text = yaml.safe_dump(dict(configuration))
    running.core.patch_namespaced_config_map("contour", EDGE_NAMESPACE, {"data": {"contour.yaml": text}})
    restart(running, "deployment/contour")


def envoy_arguments(running: Running) -> list[str]:
    """What Envoy is started with."""
    return list(_envoy(running).args)


def start_envoy_with(running: Running, arguments: list[str]) -> None:
    """New Envoys, with these arguments."""
    template = {
        "metadata": {"annotations": {"bench/started": f"{time.time()}"}},
        "spec": {"containers": [{"name": "envoy", "args": arguments}]},
    }
    running.apps.patch_namespaced_daemon_set("envoy", EDGE_NAMESPACE, {"spec": {"template": template}})
    _rollout(running, EDGE_NAMESPACE, "status", "daemonset/envoy", "--timeout=180s")


def envoy_image(running: Running) -> str:
    """The image of Envoy that Contour's manifest has here."""
    image: str = _envoy(running).image
    return image


def _envoy(running: Running) -> Any:
    found = running.apps.read_namespaced_daemon_set("envoy", EDGE_NAMESPACE)
    return next(one for one in found.spec.template.spec.containers if one.name == "envoy")


def restart(running: Running, workload: str, *, namespace: str = EDGE_NAMESPACE, seconds: int = 180) -> None:
    """New pods in place of a workload's, which are ready within that time."""
    _rollout(running, namespace, "restart", workload)
    _rollout(running, namespace, "status", workload, f"--timeout={seconds}s")


def _rollout(running: Running, namespace: str, *command: str) -> None:
    kubectl = ["kubectl", f"--kubeconfig={running.cluster.kubeconfig}", "--namespace", namespace]
    done = subprocess.run([*kubectl, "rollout", *command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"kubectl rollout {' '.join(command)}: {done.stderr[-800:]}")
