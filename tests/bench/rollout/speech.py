"""Light, steady speech through the front door, with the moment of every answer: who was lost, and every silence."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import TracebackType
from typing import Final, Self

import httpx
from websockets.exceptions import ConnectionClosed, WebSocketException

from tests.cluster.door import Door, configure, frames, receive, send
from tests.cluster.load import GOING_AWAY
from tests.cluster.running import eventually

WORDS: Final = "Hello there."
PAUSE: Final = 0.05
"""Seconds from an answer to the next question."""

# A connection that breaks is counted here; what the library logs of it says no more.
logging.getLogger("websockets.client").addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Answer:
    """One request, or one utterance on a WebSocket."""

    started: float
    ended: float
    """Of the monotonic clock."""

    failure: str | None
    """Why it was lost."""


class Speech:
    """Two clients, as a `with` block: one sends requests over one connection, the other speaks on one WebSocket.

    `patience`: seconds after which a request counts as lost.
    """

    def __init__(self, door: Door, patience: float = 30) -> None:
        self._door = door
        self._patience = patience
        self._end = threading.Event()
        self.requests: list[Answer] = []
        self.utterances: list[Answer] = []
        self.said_again = 0
        """Utterances whose WebSocket closed with the server's word that they may be sent on a new one."""
        kinds = ((self._connection, self.requests), (self._conversation, self.utterances))
        self._threads = [threading.Thread(target=self._run, args=kind, daemon=True) for kind in kinds]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        try:
            self.wait_for_speech(time.monotonic(), 60)
        except BaseException:
            self._end.set()
            raise
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(60)

    @property
    def lost(self) -> list[str]:
        """Why each lost one was lost."""
        return [answer.failure for answer in [*self.requests, *self.utterances] if answer.failure is not None]

    @property
    def silence(self) -> float:
        """Seconds: the longest time between two answers to requests that were good."""
        return longest_silence(self.requests)

    @property
    def silence_on_websocket(self) -> float:
        """The same of utterances."""
        return longest_silence(self.utterances)

    def wait_for_speech(self, since: float, seconds: float) -> None:
        """Until a request and an utterance that were sent after that moment have been answered."""
        eventually(lambda: self._spoke(since), seconds, "the service speaks")

    def _spoke(self, since: float) -> bool:
        # From the end: the lists grow by twenty a second.
        return all(
            any(answer.failure is None and answer.started >= since for answer in answers[-20:])
            for answers in (self.requests, self.utterances)
        )

    def _run(self, kind: Callable[[list[Answer]], None], answers: list[Answer]) -> None:
        """Each kind returns where it has to begin anew; what it raises is a lost request."""
        while not self._end.is_set():
            started = time.monotonic()
            try:
                kind(answers)
            except (httpx.HTTPError, WebSocketException, OSError, AssertionError, EOFError) as failure:
                # The connection may have been good for many requests before this one.
                begun = max([started, *(answer.ended for answer in answers[-1:])])
                why = f"{type(failure).__name__} {failure}"[:200]
                answers.append(Answer(begun, time.monotonic(), why))
                self._end.wait(PAUSE)

    def _connection(self, answers: list[Answer]) -> None:
        with self._door.client() as voice:
            voice.session.timeout = httpx.Timeout(self._patience)
            while not self._end.is_set():
                started = time.monotonic()
                answer = voice.say(WORDS)
                assert answer.status_code == 200, f"{answer.status_code} {answer.text[:150]}"
                assert frames(answer.content)
                answers.append(Answer(started, time.monotonic(), None))
                self._end.wait(PAUSE)

    def _conversation(self, answers: list[Answer]) -> None:
        with self._door.websocket() as websocket:
            configure(websocket)
            while not self._end.is_set():
                started = time.monotonic()
                try:
                    send(websocket, "input.text", text=WORDS)
                    send(websocket, "input.done")
                    receive(websocket, "audio.start")
                except ConnectionClosed as closed:
                    if closed.rcvd is None or closed.rcvd.code != GOING_AWAY:
                        raise
                    # Nothing of the utterance was spoken yet: it is sent again, on a new connection.
                    self.said_again += 1
                    return
                receive(websocket, "session.done")
                answers.append(Answer(started, time.monotonic(), None))
                self._end.wait(PAUSE)


def longest_silence(answers: Sequence[Answer]) -> float:
    """Seconds between two good answers. RuntimeError where there are no two."""
    ends = [answer.ended for answer in answers if answer.failure is None]
    if len(ends) < 2:
        raise RuntimeError("nothing was spoken, so there is no silence to measure")
    return max(after - before for before, after in pairwise(ends))
