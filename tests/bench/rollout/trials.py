"""What every trial of the stack has in common: two clients that go on talking, and how often it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, Final

from tests.bench.results import Drawn, Results, Shape
from tests.bench.rollout.speech import Speech
from tests.bench.run import Run
from tests.cluster.deployed import Deployed
from tests.cluster.door import Door
from tests.cluster.running import NAMESPACE, SPEECH, Running, eventually

RUNS: Final = 20
PATIENCE: Final = 120
"""Seconds until what was broken or changed speaks again."""

SIDE: Final = "local stack"
TIME, LOST, SILENCE = "time", "lost requests", "longest silence"
ON_WEBSOCKET: Final = "longest silence on the WebSocket"
AGAIN: Final = "said again on a new connection"


class Trials:
    """One stack and the figures of what is done to it."""

    def __init__(self, name: str, title: str, run: Run, stack: Deployed, door: Door) -> None:
        self.stack = stack
        self.running = Running(stack.cluster)
        self._run = run
        self._door = door
        self._failed: set[str] = set()
        self.results = Results(
            name=name,
            title=title,
            complete=False,
            drawn=[
                Drawn(figure=TIME, shape=Shape.DISTRIBUTION),
                Drawn(figure=SILENCE, shape=Shape.DISTRIBUTION),
            ],
            notes=[
                "Under two clients (requests on one connection, utterances on one WebSocket), one question every "
                "50 ms after the last answer. Lost: no answer of 200, or a WebSocket that ends while it is owed "
                "something. Silence: between two good answers to requests, or to utterances on WebSockets, the opening "
                "of a new one included; a request waits for 30 s (under a crash 2) and a WebSocket for 30.",
                f"{AGAIN}: utterances whose WebSocket the server closed with 1012, before any audio of them. That is "
                "its word that it stops, and that a client who is owed nothing may connect anew: they are not lost.",
                "One replica, which takes one GPU; the new pod comes beside the old one and must be ready for ten "
                "seconds before the old one goes.",
            ],
        )

    def times(self, what: str, runs: int = RUNS) -> Iterator[int]:
        """Counts the runs of a case."""
        for number in range(self._run.times(runs)):
            self._run.say(f"{what}, run {number + 1}")
            yield number

    def attempt(self, what: str, do: Callable[[], None]) -> None:
        """One run. One that does not end well is part of what is found; a second one ends the benchmark."""
        before = deepcopy(self.results.series)
        try:
            do()
        except AssertionError as failure:
            if what in self._failed:
                raise
            self._failed.add(what)
            self.results.series = before
            self._run.say(f"  failed: {failure}")
            self.results.notes.append(
                f"{what}: one run did not end well, and has no figure: {str(failure)[:300]}"
            )

    @contextmanager
    def speech(self, case: str | None, patience: float = 30) -> Iterator[Speech]:
        """Two clients for as long as the block is, with what they lost under the name of the case."""
        with Speech(self._door, patience) as speech:
            yield speech
        if case:
            self.results.add(SIDE, case, SILENCE, "s", speech.silence)
            self.results.add(SIDE, case, ON_WEBSOCKET, "s", speech.silence_on_websocket)
            self.results.add(SIDE, case, LOST, "requests a run", len(speech.lost))
            answered = len(speech.requests) + len(speech.utterances)
            self.results.add(SIDE, case, "requests", "requests a run", answered)
            self.results.add(SIDE, case, AGAIN, "utterances a run", speech.said_again)
            for why in speech.lost[:3]:
                self._run.say(f"  lost: {why}")

    def add(self, case: str, seconds: float) -> None:
        """One more time."""
        self._run.say(f"  {case}: {seconds:.2f} s")
        self.results.add(SIDE, case, TIME, "s", seconds)

    def pods(self) -> list[Any]:
        """Of speech, whatever state they are in."""
        return self.running.all_pods(NAMESPACE, SPEECH)

    def ready(self) -> list[Any]:
        """Those that are ready."""
        return self.running.ready_pods(NAMESPACE, SPEECH)


def soon(what: Callable[[], bool], why: str) -> None:
    """Waits until it is so."""
    eventually(what, PATIENCE, why)
