"""Update, rollback and restore, twenty times each, in turns."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from tests.bench.results import Results
from tests.bench.rollout.restore import Restores
from tests.bench.rollout.trials import PATIENCE, Trials, soon
from tests.bench.run import Run
from tests.cluster.deployed import IMPATIENT, Deployed
from tests.cluster.door import Door

NAME: Final = "rollout-changes"
IMAGE: Final = "localhost/tts-platform/espeak"
OTHER, CRASHES = "1.0.1", "1.0.2"

# As short as a progress deadline can be: it has to be longer than the ten seconds that a pod must be ready.
_IMPATIENT: Final[dict[str, Any]] = {
    **IMPATIENT,
    "customEngine": {**IMPATIENT["customEngine"], "pullSeconds": 1, "startupSeconds": 1},
}


def measure(run: Run, stack: Deployed, door: Door) -> Iterator[Results]:
    """The results so far after every fifth turn: all of them take an hour, and may be interrupted."""
    trials = Trials(NAME, "Update, rollback, restore", run, stack, door)
    with Restores(trials.running, stack) as restores:
        for number in trials.times("update, rollback, restore"):
            if number and number % 5 == 0:
                yield trials.results
            trials.attempt("update", partial(_update, trials, OTHER if number % 2 == 0 else None))
            trials.attempt("rollback", partial(_rollback, trials))
            trials.attempt("restore", partial(_restore, trials, restores))
    if stack.settings.get("image"):
        stack.change(image=None)
    trials.results.complete = True
    yield trials.results


def _update(trials: Trials, tag: str | None) -> None:
    """`pulumi up` with another image, or with the first one again."""
    with trials.speech("update") as speech:
        started = time.monotonic()
        trials.stack.change(image=f"{IMAGE}:{tag}" if tag else None)
        trials.add("update: pulumi up", time.monotonic() - started)
        _alone(trials)
        trials.add("update: only the new pod is left", time.monotonic() - started)
        speech.wait_for_speech(time.monotonic(), PATIENCE)


def _rollback(trials: Trials) -> None:
    """`pulumi up` of an image that crashes, to its end, and of the old one after it."""
    stack = trials.stack
    before = dict(stack.settings)
    old = trials.running.speech_pod()
    with trials.speech("rollback") as speech:
        started = time.monotonic()
        stack.settings = {**before, **_IMPATIENT, "image": f"{IMAGE}:{CRASHES}"}
        try:
            run = stack.pulumi("up", "--yes", "--skip-preview")
        finally:
            stack.settings = before
        trials.add("rollback: the bad pulumi up fails", time.monotonic() - started)
        if run.returncode == 0 or "ProgressDeadlineExceeded" not in run.stdout + run.stderr:
            raise RuntimeError(f"a version that crashes was not refused:\n{run.stdout[-2000:]}")
        started = time.monotonic()
        stack.up()
        trials.add("rollback: pulumi up of the old image", time.monotonic() - started)
        _alone(trials)
        trials.add("rollback: only the old pod is left", time.monotonic() - started)
        speech.wait_for_speech(time.monotonic(), PATIENCE)
    if trials.running.speech_pod().metadata.uid != old.metadata.uid:
        raise RuntimeError("the pod that served was replaced on the way back")


def _restore(trials: Trials, restores: Restores) -> None:
    """`ops snapshots restore`, of files that are gone."""
    restores.spoil()
    with trials.speech("restore") as speech:
        started = time.monotonic()
        restores.restore()
        trials.add("restore: the command", time.monotonic() - started)
        _alone(trials)
        trials.add("restore: only the restored volume serves", time.monotonic() - started)
        speech.wait_for_speech(time.monotonic(), PATIENCE)
    restores.check()


def _alone(trials: Trials) -> None:
    """Until one pod is there, of the image that is set."""
    image = trials.stack.settings.get("image", f"{IMAGE}:1.0.0")

    def left() -> bool:
        return [pod.spec.containers[0].image for pod in trials.pods()] == [image]

    soon(left, "only the pod of the wanted version is left")
