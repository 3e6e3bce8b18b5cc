"""GPU nodes that kwok simulates: objects like a real node's, whose pods become ready as soon as they are scheduled."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from kubernetes import client

from components.nodes import GPU_NODE_SELECTOR, GPU_RESOURCE, GPU_TOLERATIONS
from local import toolchain
from local.cluster.layout import Cluster
from tests.bench.scale.addresses import PODS
from tests.bench.scale.control_plane import rows
from tests.cluster.running import Running, eventually

STAGES: Final = Path(__file__).parent / "stages.yaml"

KWOK: Final = {"type": "kwok"}
"""Label of every simulated node: the pods of the benchmark stay off the two real ones."""

GPUS: Final = 8
"""Of a node, as of the larger GPU instances."""


def version() -> str:
    """Of kwok, as it is pinned."""
    return next(module.version for module in toolchain.pins()[0] if module.name == "kwok")


@contextmanager
def simulating(cluster: Cluster, log: Path) -> Iterator[None]:
    """Runs kwok within the block."""
    command = [
        "kwok",
        f"--kubeconfig={cluster.kubeconfig}",
        f"--config={STAGES}",
        "--manage-nodes-with-label-selector=type=kwok",
        f"--cidr={PODS}",
        "--node-ip=198.18.255.1",
        "--node-lease-duration-seconds=40",
    ]
    with log.open("w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
    try:
        yield
        assert process.poll() is None, f"kwok has ended: {log.read_text()[-1000:]}"
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def node(number: int) -> dict[str, Any]:
    """One with what a g6.48xlarge has, its taint and its labels."""
    there = {
        "cpu": "192",
        "memory": "768Gi",
        "pods": "250",
        "ephemeral-storage": "150Gi",
        GPU_RESOURCE: str(GPUS),
    }
    name = f"fake-{number:04}"
    taint = {key: GPU_TOLERATIONS[0][key] for key in ("key", "value", "effect")}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {
                **GPU_NODE_SELECTOR,
                **KWOK,
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "node.kubernetes.io/instance-type": "g6.48xlarge",
                "topology.kubernetes.io/zone": f"zone-{number % 3}",
            },
        },
        "spec": {"taints": [taint]},
        "status": {"allocatable": there, "capacity": there},
    }


def create(running: Running, numbers: Sequence[int]) -> None:
    """Makes them, and returns when every one is ready."""
    core = client.CoreV1Api(running.api)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: core.create_node(node(number)), numbers))
    wanted = {f"fake-{number:04}" for number in numbers}
    eventually(lambda: wanted <= _ready(running), 300, f"{len(wanted)} more simulated nodes are ready")


def nudge(running: Running) -> None:
    """Touches what was not started: kwok 0.8.0 overlooks pods that come before it holds the node's lease."""
    waiting = running.core.list_pod_for_all_namespaces(field_selector="status.phase=Pending").items
    long_ago = datetime.now(UTC) - timedelta(seconds=15)
    for pod in waiting:
        if (pod.spec.node_name or "").startswith("fake-") and pod.metadata.creation_timestamp < long_ago:
            note = {"metadata": {"annotations": {"tts-platform/nudged": str(time.time())}}}
            running.core.patch_namespaced_pod(pod.metadata.name, pod.metadata.namespace, note)


def _ready(running: Running) -> set[str]:
    return {row["Name"] for row in rows(running, "/api/v1/nodes", "type=kwok") if row["Status"] == "Ready"}
