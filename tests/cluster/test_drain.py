"""Envoy's own replacement: what it carries is carried to the end."""

import time

from tests.cluster.conftest import speaks
from tests.cluster.door import ENDLESS, Door
from tests.cluster.running import EDGE_NAMESPACE, Measured, Running, eventually


def test_an_envoy_that_goes_finishes_its_streams(door: Door, running: Running, measured: Measured) -> None:
    envoy = running.envoy_pod()
    with door.client() as voice, voice.listen(ENDLESS, speed=0.5) as answer:
        pieces = answer.iter_bytes(1 << 18)
        heard = len(next(pieces))
        running.core.delete_namespaced_pod(envoy.metadata.name, EDGE_NAMESPACE)
        started = time.monotonic()
        for piece in pieces:
            heard += len(piece)
            # Four seconds for all of it: an Envoy that is not asked to drain is dead within the first.
            time.sleep(0.05)
    assert heard > 15_000_000, "an update of the edge cuts whoever is listening"

    def gone() -> bool:
        names = [pod.metadata.name for pod in running.all_pods(EDGE_NAMESPACE, "app=envoy")]
        return envoy.metadata.name not in names

    # Not its grace of five minutes: it ends when its last connection has.
    eventually(gone, 60, "an Envoy that carries nothing more ends")
    measured.record("an Envoy told to go, until it has gone", time.monotonic() - started)
    eventually(lambda: speaks(door), 120, "another Envoy takes its place")
    measured.record("an Envoy told to go, until the next one speaks", time.monotonic() - started)
