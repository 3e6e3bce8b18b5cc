"""What was spoken is kept: over the pod's end, the node's, and the machine's."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from rich.console import Console

from local.cluster import lifecycle, processes
from tests.cluster import faults
from tests.cluster.conftest import speaks
from tests.cluster.door import SENTENCE, Door
from tests.cluster.running import NAMESPACE, SPEECH, Measured, Running, eventually

PATIENCE = 180

LIST = """
import hashlib, pathlib
for file in sorted(pathlib.Path("/outputs").glob("*.wav")):
    print(file.name, hashlib.sha256(file.read_bytes()).hexdigest())
"""

CLEAR = """
import os, pathlib
for file in pathlib.Path("/outputs").glob("*.wav"):
    file.unlink()
os.sync()
"""


@pytest.fixture(scope="module", autouse=True)
def _room(running: Running) -> None:
    """What the tests before have spoken may have filled the volume, which keeps to its size."""
    running.python(running.speech_pod(), "speech", CLEAR)


@pytest.fixture
def kept(running: Running, any_door: Door) -> Iterator[dict[str, str]]:
    """The sums of the files that are kept, with one that was spoken just now."""
    before = outputs(running)
    with any_door.client() as voice:
        voice.say(SENTENCE).raise_for_status()
    now = outputs(running)
    assert len(now) == len(before) + 1, "an utterance is kept when its answer has been sent"
    yield now
    found = outputs(running)
    lost = {name for name, digest in now.items() if found.get(name) != digest}
    assert not lost, "the speech team listens to these files to judge the model"
    eventually(lambda: speaks(any_door), PATIENCE, "the service speaks again")


def outputs(running: Running) -> dict[str, str]:
    lines = running.python(running.speech_pod(), "speech", LIST).splitlines()
    return dict(line.split(" ", 1) for line in lines)


@pytest.mark.usefixtures("kept")
def test_outputs_survive_the_pod(running: Running, measured: Measured) -> None:
    pod = running.speech_pod()
    running.core.delete_namespaced_pod(pod.metadata.name, NAMESPACE)
    started = time.monotonic()
    _new_pod(running, pod.metadata.uid)
    measured.record("a deleted speech pod, until a new one is ready", time.monotonic() - started)


@pytest.mark.usefixtures("kept")
def test_outputs_survive_the_node(running: Running, any_door: Door, measured: Measured) -> None:
    pod = running.speech_pod()
    (before,) = (status.container_id for status in pod.status.container_statuses)
    assert faults.crash_node(running.cluster, "gpu") > 5, (
        "kubelet, containerd, shims and containers were there"
    )
    started = time.monotonic()

    def restarted() -> bool:
        (now,) = running.ready_pods(NAMESPACE, SPEECH)[:1] or [None]
        return now is not None and now.status.container_statuses[0].container_id != before

    eventually(restarted, PATIENCE, "the speech container starts anew when its node is back")
    eventually(lambda: speaks(any_door), PATIENCE, "the service speaks when the node is back")
    measured.record("the gpu node's crash, until it speaks", time.monotonic() - started)


@pytest.mark.usefixtures("kept")
def test_outputs_survive_the_machine(running: Running, any_door: Door, measured: Measured) -> None:
    processes.stop(running.cluster)
    assert processes.init(running.cluster) is None, "everything was off"
    started, moment = time.monotonic(), datetime.now(UTC)
    lifecycle.up(running.cluster.name, None, Console(quiet=True))
    measured.record("the machine's reboot, until the cluster is up", time.monotonic() - started)
    eventually(lambda: speaks(any_door), PATIENCE, "the service speaks after a reboot, with no pulumi up")
    measured.record("the machine's reboot, until it speaks", time.monotonic() - started)
    eventually(lambda: running.nodes_alive(moment), PATIENCE, "both nodes are back")


def _new_pod(running: Running, uid: str) -> None:
    eventually(
        lambda: any(pod.metadata.uid != uid for pod in running.ready_pods(NAMESPACE, SPEECH)),
        PATIENCE,
        "a new speech pod is ready",
    )
