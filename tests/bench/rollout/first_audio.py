"""How long it takes from a text to the first sample, through the edge and from the pod itself."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Final

from local.cluster.layout import Cluster
from local.paths import CHECKOUT
from tests.bench.quantiles import quantile
from tests.bench.results import Drawn, Results, Shape
from tests.bench.rollout.listeners import Wanted, Where
from tests.bench.run import Run
from tests.cluster import faults
from tests.cluster.door import ENDLESS, SENTENCE, Door
from tests.cluster.running import Running

STREAMS: Final = (1, 4, 8)
SAMPLES: Final = 96
BLOCKS: Final = 4
"""The sides take turns, and turns in being the first, so that what the machine does besides falls on both."""

WANTED: Final = 500
"""Milliseconds, by which the first sample is to be there."""

EDGE, POD = "through the edge", "from the pod"
FIRST = "first audio"


def measure(run: Run, door: Door, cluster: Cluster) -> Results:
    """The figures of both sides."""
    results = Results(
        name="rollout-first-audio",
        title="First audio, the local engine",
        drawn=[
            Drawn(figure=FIRST, shape=Shape.DISTRIBUTION, logarithmic=True),
            Drawn(figure=f"{FIRST}, p95", shape=Shape.BARS, logarithmic=True),
        ],
        notes=[
            f'All streams of a round begin at the same moment, with "{SENTENCE}" (2.6 s of audio), on connections '
            "that are open, and are read as fast as they come; the next round begins when all have ended.",
            "Through the edge: TLS 1.3 and Envoy, from the host. From the pod: plain HTTP, the same client in the "
            "network of Envoy's pod, which the NetworkPolicy allows.",
            f"Long: {len(ENDLESS)} letters at once, 11 minutes of audio, read slowly, so that every stream is still "
            "running when the next one asks. The local engine speaks four at a time; the others wait for a turn.",
        ],
    )
    sides = _sides(door, cluster)
    for websocket in (False, True):
        for streams in STREAMS:
            case = f"{'WebSocket' if websocket else 'HTTP'}, {streams} at once"
            run.say(f"first audio: {case}")
            for turn in range(run.times(BLOCKS)):
                rounds = -(-run.times(SAMPLES // BLOCKS, 8) // streams)
                for side, (prefix, where) in [*sides.items()][:: -1 if turn % 2 else 1]:
                    wanted = Wanted(
                        where=where, websocket=websocket, streams=streams, rounds=rounds, text=SENTENCE
                    )
                    for value in _listen(prefix, wanted):
                        results.add(side, case, FIRST, "ms", value, streams)
    for streams in (4, 8):
        prefix, where = sides[EDGE]
        wanted = Wanted(where=where, websocket=False, streams=streams, rounds=1, text=ENDLESS, pace=0.05)
        run.say(f"first audio: long, {streams} at once")
        for value in _listen(prefix, wanted):
            results.add(EDGE, f"HTTP, {streams} long at once", FIRST, "ms", value, streams)
    _sum_up(results)
    return results


def _sides(door: Door, cluster: Cluster) -> dict[str, tuple[list[str], Where]]:
    """Each side's prefix of the command, and where it talks to."""
    pod = Running(cluster).speech_pod()
    (envoy,) = faults.matching(cluster, faults.CONTOURS_ENVOY)
    port = pod.spec.containers[0].ports[0].container_port
    return {
        EDGE: ([], Where(address=door.address, port=door.port, ca=door.ca)),
        POD: (
            ["nsenter", f"--net=/proc/{envoy.pid}/ns/net"],
            Where(address=pod.status.pod_ip, port=port, ca=None),
        ),
    }


def _listen(prefix: list[str], wanted: Wanted) -> list[float]:
    command = [*prefix, sys.executable, "-m", "tests.bench.rollout.listeners", wanted.model_dump_json()]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"nobody was heard: {done.stderr[-1000:]}")
    times: list[float] = json.loads(done.stdout)
    return times


def _sum_up(results: Results) -> None:
    for series in results.of(FIRST):
        values = series.values
        for name, value in (
            ("p50", series.median),
            ("p95", quantile(values, 0.95)),
            ("max", max(values)),
        ):
            results.add(series.side, series.case, f"{FIRST}, {name}", "ms", value, series.x)
        share = 100 * sum(value < WANTED for value in values) / len(values)
        results.add(series.side, series.case, f"under {WANTED} ms", "% of streams", share, series.x)
