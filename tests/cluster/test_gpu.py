"""The speech pod asked for a GPU, got one, and takes it from nobody else."""

from collections.abc import Iterator
from typing import Any

import pytest

from components.nodes import GPU_NODE_SELECTOR, GPU_RESOURCE, GPU_TOLERATIONS
from local.cluster.layout import GPUS
from tests.cluster.deployed import Deployed
from tests.cluster.running import Running, eventually
from tests.cluster.strangers import absent, stranger

ENVIRONMENT = "import os; print(*sorted(name for name in os.environ if name.startswith('PRETEND_GPU_')))"


@pytest.fixture
def pending(running: Running, deployed: Deployed) -> Iterator[Any]:  # noqa: ARG001 - beside the stack's own pods
    """Makes a pod and returns why it is not scheduled."""
    made: list[str] = []

    def make(pod: dict[str, Any]) -> str:
        name = pod["metadata"]["name"]
        made.append(name)
        running.core.create_namespaced_pod("default", pod)

        def unscheduled() -> str:
            conditions = running.core.read_namespaced_pod(name, "default").status.conditions or []
            return next(
                (str(c.message) for c in conditions if c.type == "PodScheduled" and c.status == "False"), ""
            )

        return eventually(unscheduled, 20, "the scheduler says why it cannot place the pod")

    yield make
    for name in made:
        absent(lambda name=name: running.core.delete_namespaced_pod(name, "default", grace_period_seconds=0))


def test_the_speech_pod_holds_one_gpu(running: Running, deployed: Deployed) -> None:  # noqa: ARG001 - is deployed
    pod = running.speech_pod()
    (container,) = pod.spec.containers
    assert container.resources.requests[GPU_RESOURCE] == container.resources.limits[GPU_RESOURCE] == "1"
    assert pod.spec.node_name == "gpu", "a GPU pod on a node without one would only pretend"
    assert running.python(pod, "speech", ENVIRONMENT).startswith("PRETEND_GPU_"), "no device was handed to it"


def test_more_gpus_than_there_are_stay_pending(pending: Any) -> None:
    limits = {GPU_RESOURCE: str(GPUS + 1)}
    why = pending(stranger("greedy", "gpu", resources={"limits": limits}))
    assert f"Insufficient {GPU_RESOURCE}" in why, "nobody counts the GPUs, and two models would share one"


def test_what_the_speech_pod_holds_is_taken(pending: Any) -> None:
    why = pending(stranger("late", "gpu", resources={"limits": {GPU_RESOURCE: str(GPUS)}}))
    assert f"Insufficient {GPU_RESOURCE}" in why, "the speech pod's own GPU was given to another pod"


def test_a_pod_without_toleration_keeps_off_the_gpu_node(pending: Any) -> None:
    intruder = stranger("intruder", "gpu")
    assert intruder["spec"].pop("tolerations") == GPU_TOLERATIONS
    assert intruder["spec"]["nodeSelector"] == GPU_NODE_SELECTOR
    why = pending(intruder)
    assert "untolerated taint" in why, "anything at all could fill the expensive node"
