"""Steady speech through the front door, and an account of every request that was lost."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Self

import httpx
from websockets.exceptions import ConnectionClosed, WebSocketException

from tests.cluster.door import ENDLESS, Door, configure, frames, receive, send, speak

PAUSE = 0.03
WORDS = "Hello there."
"""Short, so that many requests a second fall into the moment in which one pod takes over from another."""
LONGEST = 240
"""Seconds after which a load ends by itself, whatever the test does."""
GOING_AWAY = 1012
"""The server's word that it stops, and that a client who is owed nothing may connect anew."""


class Load:
    """Seven clients at a time, of four kinds, as a `with` block."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._end = threading.Event()
        self._deadline = time.monotonic() + LONGEST
        self._lock = threading.Lock()
        self.served: Counter[str] = Counter()
        self.lost: list[str] = []
        kinds = [*[self._request] * 3, self._stream, *[self._websocket] * 2, self._conversation]
        self._threads = [
            threading.Thread(target=self._until_the_end, args=[kind], daemon=True) for kind in kinds
        ]

    def __enter__(self) -> Self:
        self._started = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(60)

    @property
    def account(self) -> str:
        """What was served and what was lost, for an assert's message."""
        return "\n".join([f"of {dict(self.served)} {len(self.lost)} were lost:", *self.lost[:20]])

    def _going_on(self) -> bool:
        return not self._end.is_set() and time.monotonic() < self._deadline

    def _until_the_end(self, kind: Callable[[], None]) -> None:
        """Each kind returns where it has to begin anew; what it raises is a lost request."""
        while self._going_on():
            try:
                kind()
            except (httpx.HTTPError, WebSocketException, OSError, AssertionError, EOFError) as failure:
                since = time.monotonic() - self._started
                with self._lock:
                    self.lost.append(
                        f"{kind.__name__} after {since:.1f} s: {type(failure).__name__} {failure}"
                    )
                time.sleep(PAUSE)

    def _count(self, kind: str) -> None:
        with self._lock:
            self.served[kind] += 1
        self._end.wait(PAUSE)

    def _request(self) -> None:
        """One request after the other over one connection."""
        with self._door.client() as voice:
            while self._going_on():
                answer = voice.say(WORDS)
                assert answer.status_code == 200, f"{answer.status_code} {answer.text[:200]}"
                assert frames(answer.content)
                self._count("request")

    def _stream(self) -> None:
        """Minutes of audio, listened to over some seconds: something is always in flight."""
        with self._door.client() as voice, voice.listen(ENDLESS, speed=0.5) as answer:
            assert answer.status_code == 200, str(answer.status_code)
            heard = 0
            for piece in answer.iter_bytes(1 << 18):
                heard += len(piece)
                time.sleep(0.05)
            assert heard > 15_000_000, f"the stream ended after {heard} bytes"
        self._count("stream")

    def _websocket(self) -> None:
        """A connection of its own for each utterance."""
        with self._door.websocket() as websocket:
            configure(websocket)
            assert speak(websocket, WORDS)
        self._count("websocket")

    def _conversation(self) -> None:
        """One connection for all utterances, until the server says that it goes away."""
        with self._door.websocket() as websocket:
            configure(websocket)
            while self._going_on():
                try:
                    send(websocket, "input.text", text=WORDS)
                    send(websocket, "input.done")
                    receive(websocket, "audio.start")
                except ConnectionClosed as closed:
                    if closed.rcvd is None or closed.rcvd.code != GOING_AWAY:
                        raise
                    # Nothing of the utterance was spoken yet: it is sent again, on a new connection.
                    self._count("reconnect")
                    return
                # From here on the client is owed the rest.
                receive(websocket, "session.done")
                self._count("conversation")
