"""Crash of the speech server and loss of its node, twenty times each; a second crash of the same pod, five times."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

from tests.bench.results import Results
from tests.bench.rollout.trials import PATIENCE, RUNS, Trials, soon
from tests.bench.run import Run
from tests.cluster import faults
from tests.cluster.deployed import Deployed
from tests.cluster.door import Door
from tests.cluster.running import NAMESPACE
from tests.cluster.test_recovery import whole

NAME = "rollout-crashes"


def measure(run: Run, stack: Deployed, door: Door) -> Iterator[Results]:
    """What is quick first; the results so far after each case."""
    trials = Trials(NAME, "A crash, a second one, and a node's loss", run, stack, door)
    for case, do, runs in (
        ("crash", _first_crash, RUNS),
        ("second crash", _second_crash, 5),
        ("a node's loss", _loss, RUNS),
    ):
        for _ in trials.times(case, runs):
            trials.attempt(case, partial(do, trials))
        trials.results.complete = do is _loss
        yield trials.results


def _first_crash(trials: Trials) -> None:
    """Of a pod that has never crashed: kubelet starts its container anew at once."""
    _new_pod(trials)
    _crash(trials, "crash: a pod's first")


def _second_crash(trials: Trials) -> None:
    """Of one that just has: kubelet waits ten seconds, its back-off."""
    _new_pod(trials)
    _crash(trials, None)
    _crash(trials, "crash: a pod's second")


def _crash(trials: Trials, case: str | None) -> None:
    """`kill -9` of the speech server."""
    pod = trials.running.speech_pod()
    server = faults.program("python3", "-m", "espeak_server")
    with trials.speech(case, patience=2) as speech:
        killed = faults.kill(trials.running.cluster, server)
        if killed != 1:
            raise RuntimeError(f"{killed} speech servers were killed instead of one")
        _restarted(trials, pod)
        speech.wait_for_speech(time.monotonic(), PATIENCE)
    if case:
        trials.add(f"{case}, until it speaks", speech.silence)


def _loss(trials: Trials) -> None:
    """Everything on the node of the speech pod ends at once, and is started again at once."""
    moment = datetime.now(UTC)
    pod = trials.running.speech_pod()
    with trials.speech("a node's loss", patience=2) as speech:
        killed = faults.crash_node(trials.running.cluster, "gpu")
        if killed < 6:
            raise RuntimeError(f"only {killed} processes were on the node")
        _restarted(trials, pod)
        speech.wait_for_speech(time.monotonic(), PATIENCE)
    trials.add("a node's loss, until it speaks", speech.silence)
    soon(partial(whole, trials.running, moment), "the cluster is whole")


def _new_pod(trials: Trials) -> None:
    """A pod that has never crashed."""
    old = trials.running.speech_pod().metadata
    trials.running.core.delete_namespaced_pod(old.name, NAMESPACE)

    def fresh() -> bool:
        return len(trials.pods()) == 1 and [pod.metadata.uid for pod in trials.ready()] not in ([], [old.uid])

    soon(fresh, "a new speech pod is ready")


def _restarted(trials: Trials, pod: Any) -> None:
    """Until the same pod runs another container; a fault that nobody noticed shows nothing."""
    before = pod.status.container_statuses[0].container_id

    def another() -> bool:
        ready = trials.ready()
        return bool(ready) and ready[0].status.container_statuses[0].container_id != before

    soon(another, "the speech container starts anew")
