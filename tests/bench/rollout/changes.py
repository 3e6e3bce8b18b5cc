"""Update, crash, rollback, restore and a node's loss, twenty times each; a second crash of the same pod, five times.

TTS_BENCH_SECONDS bounds all of it: no further run begins after so many seconds, and the notes say how many there were.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from tests.bench.results import Drawn, Results, Shape
from tests.bench.rollout.restore import Restores
from tests.bench.rollout.speech import Speech
from tests.bench.run import Run
from tests.cluster import faults
from tests.cluster.deployed import IMPATIENT, Deployed
from tests.cluster.door import Door
from tests.cluster.running import NAMESPACE, SPEECH, Running, eventually
from tests.cluster.test_recovery import whole

RUNS: Final = 20
SECONDS: Final = float(os.environ.get("TTS_BENCH_SECONDS", "inf"))
PATIENCE: Final = 120

IMAGE: Final = "localhost/tts-platform/espeak"
OTHER, CRASHES = "1.0.1", "1.0.2"

TIME, LOST, SILENCE = "time", "lost requests", "longest silence"

# As short as a progress deadline can be: it has to be longer than the ten seconds that a pod must be ready.
_IMPATIENT: Final[dict[str, Any]] = {
    **IMPATIENT,
    "customEngine": {**IMPATIENT["customEngine"], "pullSeconds": 1, "startupSeconds": 1},
}


class Changes:
    """One stack and the figures of what was done to it."""

    def __init__(self, run: Run, stack: Deployed, door: Door) -> None:
        self._run = run
        self._stack = stack
        self._door = door
        self._running = Running(stack.cluster)
        self._end = 0.0
        self._failed: set[str] = set()
        self.results = Results(
            name="rollout",
            title="Update, crash, rollback, restore, a node's loss",
            drawn=[
                Drawn(figure=TIME, shape=Shape.DISTRIBUTION),
                Drawn(figure=SILENCE, shape=Shape.DISTRIBUTION, logarithmic=True),
            ],
            notes=[
                "Under two clients (requests on one connection, utterances on one WebSocket), one question every "
                "50 ms after the last answer. Lost: no answer of 200, or a WebSocket that ends while it is owed "
                "something. Silence: between two good answers to requests.",
                "One replica, which takes one GPU; the new pod comes beside the old one and must be ready for ten "
                "seconds before the old one goes.",
            ],
        )

    def measure(self) -> Results:
        """What is quick first, one after the other; then what takes `pulumi up`, in turns."""
        self._end = time.monotonic() + SECONDS
        for _ in self._times("crash", 0.15):
            self._try("crash", self._first_crash)
        for _ in self._times("second crash", 0.08, runs=5):
            self._try("second crash", self._second_crash)
        for _ in self._times("a node's loss", 0.2):
            self._try("a node's loss", self._loss)
        with Restores(self._running, self._stack) as restores:
            for number in self._times("update, rollback, restore"):
                self._try("update", partial(self._update, OTHER if number % 2 == 0 else None))
                self._try("rollback", self._rollback)
                self._try("restore", partial(self._restore, restores))
        if self._stack.settings.get("image"):
            self._stack.change(image=None)
        return self.results

    def _try(self, what: str, do: Callable[[], None]) -> None:
        """One run. One that does not end well is part of what is found; a second one ends the benchmark."""
        try:
            do()
        except AssertionError as failure:
            if what in self._failed:
                raise
            self._failed.add(what)
            self._run.say(f"  failed: {failure}")
            self.results.notes.append(
                f"{what}: one run did not end well, and has no figure: {str(failure)[:300]}"
            )

    def _times(self, what: str, share: float = 1, runs: int = RUNS) -> Iterator[int]:
        """Counts the runs of a case, and tells the results' reader where there are fewer than there should be.

        `share` of the seconds that there are for everything.
        """
        end = min(self._end, time.monotonic() + share * SECONDS)
        for number in range(self._run.times(runs)):
            if time.monotonic() > end:
                self.results.notes.append(f"{what}: {number} runs instead of {runs}, for want of time.")
                return
            self._run.say(f"{what}, run {number + 1}")
            yield number

    def _first_crash(self) -> None:
        """Of a pod that has never crashed: kubelet starts its container anew at once."""
        self._new_pod()
        self._crash("crash: a pod's first")

    def _second_crash(self) -> None:
        """Of one that just has: kubelet waits ten seconds, its back-off."""
        self._new_pod()
        self._crash(None)
        self._crash("crash: a pod's second")

    def _update(self, tag: str | None) -> None:
        """`pulumi up` with another image, or with the first one again."""
        with self._speech("update") as speech:
            started = time.monotonic()
            self._stack.change(image=f"{IMAGE}:{tag}" if tag else None)
            self._add("update: pulumi up", time.monotonic() - started)
            self._alone()
            self._add("update: only the new pod is left", time.monotonic() - started)
            speech.wait_for_speech(time.monotonic(), PATIENCE)

    def _rollback(self) -> None:
        """`pulumi up` of an image that crashes, to its end, and of the old one after it."""
        before = dict(self._stack.settings)
        old = self._running.speech_pod()
        with self._speech("rollback") as speech:
            started = time.monotonic()
            self._stack.settings = {**before, **_IMPATIENT, "image": f"{IMAGE}:{CRASHES}"}
            try:
                run = self._stack.pulumi("up", "--yes", "--skip-preview")
            finally:
                self._stack.settings = before
            self._add("rollback: the bad pulumi up fails", time.monotonic() - started)
            if run.returncode == 0 or "ProgressDeadlineExceeded" not in run.stdout + run.stderr:
                raise RuntimeError(f"a version that crashes was not refused:\n{run.stdout[-2000:]}")
            started = time.monotonic()
            self._stack.up()
            self._add("rollback: pulumi up of the old image", time.monotonic() - started)
            self._alone()
            self._add("rollback: only the old pod is left", time.monotonic() - started)
            speech.wait_for_speech(time.monotonic(), PATIENCE)
        if self._running.speech_pod().metadata.uid != old.metadata.uid:
            raise RuntimeError("the pod that served was replaced on the way back")

    def _restore(self, restores: Restores) -> None:
        """`ops snapshots restore`, of files that are gone."""
        restores.spoil()
        with self._speech("restore") as speech:
            started = time.monotonic()
            restores.restore()
            self._add("restore: the command", time.monotonic() - started)
            self._alone()
            self._add("restore: only the restored volume serves", time.monotonic() - started)
            speech.wait_for_speech(time.monotonic(), PATIENCE)
        restores.check()

    def _crash(self, case: str | None) -> None:
        """`kill -9` of the speech server."""
        pod = self._running.speech_pod()
        server = faults.program("python3", "-m", "espeak_server")
        with self._speech(case, patience=2) as speech:
            killed = faults.kill(self._running.cluster, server)
            if killed != 1:
                raise RuntimeError(f"{killed} speech servers were killed instead of one")
            self._restarted(pod)
            speech.wait_for_speech(time.monotonic(), PATIENCE)
        if case:
            self._add(f"{case}, until it speaks", speech.silence)

    def _loss(self) -> None:
        """Everything on the node of the speech pod ends at once, and is started again at once."""
        moment = datetime.now(UTC)
        pod = self._running.speech_pod()
        with self._speech("a node's loss", patience=2) as speech:
            killed = faults.crash_node(self._running.cluster, "gpu")
            if killed < 6:
                raise RuntimeError(f"only {killed} processes were on the node")
            self._restarted(pod)
            speech.wait_for_speech(time.monotonic(), PATIENCE)
        self._add("a node's loss, until it speaks", speech.silence)
        _soon(partial(whole, self._running, moment), "the cluster is whole")

    @contextmanager
    def _speech(self, case: str | None, patience: float = 30) -> Iterator[Speech]:
        with Speech(self._door, patience) as speech:
            yield speech
        if case:
            self.results.add("Envoy", case, SILENCE, "s", speech.silence)
            self.results.add("Envoy", case, LOST, "requests a run", len(speech.lost))
            answered = len(speech.requests) + len(speech.utterances)
            self.results.add("Envoy", case, "requests", "requests a run", answered)
            for why in speech.lost[:3]:
                self._run.say(f"  lost: {why}")

    def _add(self, case: str, seconds: float) -> None:
        self._run.say(f"  {case}: {seconds:.2f} s")
        self.results.add("Envoy", case, TIME, "s", seconds)

    def _alone(self) -> None:
        """Until one pod is there, of the image that is set."""
        image = self._stack.settings.get("image", f"{IMAGE}:1.0.0")

        def left() -> bool:
            pods = self._running.all_pods(NAMESPACE, SPEECH)
            return [pod.spec.containers[0].image for pod in pods] == [image]

        _soon(left, "only the pod of the wanted version is left")

    def _new_pod(self) -> None:
        """A pod that has never crashed."""
        old = self._running.speech_pod().metadata
        self._running.core.delete_namespaced_pod(old.name, NAMESPACE)

        def fresh() -> bool:
            ready = self._running.ready_pods(NAMESPACE, SPEECH)
            there = self._running.all_pods(NAMESPACE, SPEECH)
            return len(there) == 1 and [pod.metadata.uid for pod in ready] not in ([], [old.uid])

        _soon(fresh, "a new speech pod is ready")

    def _restarted(self, pod: Any) -> None:
        """Until the same pod runs another container; a fault that nobody noticed shows nothing."""
        before = pod.status.container_statuses[0].container_id

        def another() -> bool:
            ready = self._running.ready_pods(NAMESPACE, SPEECH)
            return bool(ready) and ready[0].status.container_statuses[0].container_id != before

        _soon(another, "the speech container starts anew")


def _soon(what: Callable[[], bool], why: str) -> None:
    eventually(what, PATIENCE, why)
