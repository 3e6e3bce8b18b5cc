"""`kill -9` of each part: the service is back without a hand. The times are noted, not judged."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.cluster import faults
from tests.cluster.conftest import speaks
from tests.cluster.door import SENTENCE, Door, frames
from tests.cluster.running import (
    EDGE_NAMESPACE,
    NAMESPACE,
    SPEECH,
    Measured,
    Running,
    eventually,
    restarts,
)
from tests.cluster.strangers import strangers

PATIENCE = 120
CONTOUR = "app=contour"


@pytest.fixture(autouse=True)
def _well_before(running: Running, any_door: Door) -> None:
    """Each fault hits a cluster that is whole: the last one's is over."""
    eventually(lambda: whole(running, datetime.min.replace(tzinfo=UTC)), PATIENCE, "the cluster is whole")
    eventually(lambda: speaks(any_door), PATIENCE, "the service speaks before something is killed")


def whole(running: Running, since: datetime) -> bool:
    pods = (running.ready_pods(EDGE_NAMESPACE, "app=envoy"), running.ready_pods(NAMESPACE, SPEECH))
    return running.nodes_alive(since) and all(pods)


def test_contour(running: Running, any_door: Door, measured: Measured) -> None:
    before = restarts(running.pods(EDGE_NAMESPACE, CONTOUR))
    killed = faults.kill(running.cluster, faults.program("contour", "serve"))
    started = time.monotonic()
    assert killed == 2, "both replicas are to be gone at once"
    with any_door.client() as voice:
        assert frames(voice.say(SENTENCE).content), "Envoy goes on with the routes that it has"
    eventually(
        lambda: (
            restarts(running.ready_pods(EDGE_NAMESPACE, CONTOUR))
            == {name: n + 1 for name, n in before.items()}
        ),
        PATIENCE,
        "both Contours were started again and are ready",
    )
    measured.record("kill -9 of both Contours, until ready", time.monotonic() - started)
    # Ready is one thing; that Envoy hears of a pod's new address again is what Contour is for.
    fresh = _replaced(running)
    eventually(lambda: _answers_from(running, any_door, fresh), PATIENCE, "Envoy learns of the new pod")
    measured.record("kill -9 of both Contours, until Envoy knows a new pod", time.monotonic() - started)


def test_envoy(running: Running, any_door: Door, measured: Measured) -> None:
    assert faults.kill(running.cluster, faults.program("envoy")), "there was an Envoy"
    seconds = _until_it_speaks(
        any_door, lambda: bool(faults.matching(running.cluster, faults.program("envoy")))
    )
    measured.record("kill -9 of Envoy, until it speaks", seconds)


def test_speech_server(running: Running, any_door: Door, measured: Measured) -> None:
    server = faults.program("python3", "-m", "espeak_server")
    pod = running.speech_pod()
    assert faults.kill(running.cluster, server) == 1, "there was one speech server"
    seconds = _until_it_speaks(any_door, lambda: bool(faults.matching(running.cluster, server)))
    measured.record("kill -9 of the speech server, until it speaks", seconds)
    after = running.speech_pod()
    assert after.metadata.uid == pod.metadata.uid, (
        "the container starts anew in its pod: the GPU stays its own"
    )
    restarts = after.status.container_statuses[0].restart_count
    assert restarts > pod.status.container_statuses[0].restart_count, (
        "it never went down, so nothing was shown"
    )


def test_kubelet(running: Running, any_door: Door, measured: Measured) -> None:
    # A new pod: the last one's container has been started again, and of such pods with a GPU Kubernetes 1.34 turns
    # about every second one away when kubelet comes back (kubernetes/kubernetes#135485).
    pod = _replaced(running)
    eventually(lambda: _answers_from(running, any_door, pod), PATIENCE, "the new pod is served from")
    assert faults.kill(running.cluster, faults.program("kubelet")) == 2, "one on each node"
    started, moment = time.monotonic(), datetime.now(UTC)
    with any_door.client() as voice:
        assert frames(voice.say(SENTENCE).content), "what runs goes on without it"
        eventually(lambda: running.nodes_alive(moment), PATIENCE, "both are back and say so")
        measured.record("kill -9 of both kubelets, until the nodes report", time.monotonic() - started)
    # It asks a pod's probe anew before it calls the pod ready, and for that moment Envoy has nobody to send to.
    eventually(lambda: speaks(any_door), PATIENCE, "what runs is served from when kubelet is back")
    measured.record("kill -9 of both kubelets, until it speaks", time.monotonic() - started)
    # What it starts after the pods that it found is proof that it has judged those.
    with strangers(running):
        measured.record("kill -9 of both kubelets, until each runs a new pod", time.monotonic() - started)
    assert restarts([running.speech_pod()]) == restarts([pod]), "a model would load again for nothing"
    # It does a kubelet's work again, GPUs included: a pod that goes is replaced.
    _replaced(running)
    measured.record("kill -9 of both kubelets, until a new speech pod is ready", time.monotonic() - started)
    eventually(lambda: speaks(any_door), PATIENCE, "the new pod is served from")


def _until_it_speaks(door: Door, is_back: Callable[[], bool]) -> float:
    started = time.monotonic()
    eventually(is_back, PATIENCE, "the process is started again")
    eventually(lambda: speaks(door), PATIENCE, "the service speaks again")
    return time.monotonic() - started


def _replaced(running: Running) -> Any:
    """The speech pod that is ready in place of the one that is deleted here."""
    pod = running.speech_pod()
    running.core.delete_namespaced_pod(pod.metadata.name, NAMESPACE)
    return eventually(lambda: _other(running, pod.metadata.uid), PATIENCE, "a new speech pod is ready")


def _other(running: Running, uid: str) -> Any:
    return next((pod for pod in running.ready_pods(NAMESPACE, SPEECH) if pod.metadata.uid != uid), None)


def _answers_from(running: Running, door: Door, pod: Any) -> bool:
    """The old pod may linger while it drains; once it is gone, an answer can only be the new one's."""
    alone = [one.metadata.uid for one in running.all_pods(NAMESPACE, SPEECH)] == [pod.metadata.uid]
    return alone and speaks(door)
