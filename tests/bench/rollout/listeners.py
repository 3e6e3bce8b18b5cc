"""Clients that speak at the same moment and note when each one hears the first sample.

A program of its own, so that the very same clients run on the host and, by `nsenter`, in a pod's network:
`python -m tests.bench.rollout.listeners '{"address": ..., ...}'` prints one JSON list of milliseconds.
"""

from __future__ import annotations

import json
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

import httpx
from pydantic import BaseModel
from websockets.sync.client import connect

from tests.cluster.door import DOMAIN, WAV_HEADER, configure, receive, send

PATIENCE: Final = 60


class Where(BaseModel):
    """Who is asked."""

    address: str
    port: int
    ca: str | None
    """PEM of whom to trust; plain HTTP without."""


class Wanted(BaseModel):
    """What to do."""

    where: Where
    websocket: bool
    streams: int
    rounds: int
    text: str
    pace: float = 0.0
    """Seconds between reads of 256 KiB: a listener who takes his time."""


Speaker = Callable[[], float]
"""Speaks once, to its end; returns the seconds until the first sample."""


def main() -> None:
    """Reads the one argument, prints the times."""
    wanted = Wanted.model_validate_json(sys.argv[1])
    print(json.dumps(measured(wanted)))


def measured(wanted: Wanted) -> list[float]:
    """Milliseconds of each stream of each round, after one that does not count."""
    times: list[float] = []
    with ExitStack() as stack:
        kind = _websocket if wanted.websocket else _request
        speakers = [stack.enter_context(kind(wanted)) for _ in range(wanted.streams)]
        for number in range(wanted.rounds + 1):
            found = _round(speakers)
            if number:
                times += found
    return times


def _round(speakers: list[Speaker]) -> list[float]:
    """All at once, and all to their end."""
    start = threading.Barrier(len(speakers))
    times: list[float] = []
    failures: list[Exception] = []

    def one(speak: Speaker) -> None:
        start.wait(PATIENCE)
        try:
            times.append(speak() * 1000)
        except Exception as failure:  # noqa: BLE001 - a thread's failure is raised below
            failures.append(failure)

    threads = [threading.Thread(target=one, args=[speak]) for speak in speakers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return times


@contextmanager
def _request(wanted: Wanted) -> Iterator[Speaker]:
    """Requests over one connection."""
    scheme = "https" if wanted.where.ca else "http"
    with httpx.Client(
        base_url=f"{scheme}://{wanted.where.address}:{wanted.where.port}",
        headers={"Host": DOMAIN},
        verify=_trust(wanted.where.ca) if wanted.where.ca else False,
        timeout=PATIENCE,
        trust_env=False,
    ) as session:

        def speak() -> float:
            body = {"input": wanted.text, "stream": True}
            extensions = {"sni_hostname": DOMAIN}
            started, heard, first = time.monotonic(), 0, None
            with session.stream("POST", "/v1/audio/speech", json=body, extensions=extensions) as answer:
                answer.raise_for_status()
                # As it comes, unless the listener takes his time.
                for piece in answer.iter_bytes(1 << 18 if wanted.pace else None):
                    heard += len(piece)
                    if first is None and heard > WAV_HEADER:
                        first = time.monotonic() - started
                    time.sleep(wanted.pace)
            if first is None:
                raise RuntimeError("the answer had no sample")
            return first

        yield speak


@contextmanager
def _websocket(wanted: Wanted) -> Iterator[Speaker]:
    """Utterances on one WebSocket that is configured."""
    plain = socket.create_connection((wanted.where.address, wanted.where.port), timeout=10)
    with connect(
        f"{'wss' if wanted.where.ca else 'ws'}://{DOMAIN}:{wanted.where.port}/v1/audio/speech/stream",
        sock=plain,
        ssl=_trust(wanted.where.ca) if wanted.where.ca else None,
        server_hostname=DOMAIN if wanted.where.ca else None,
        compression=None,
        max_size=None,
        close_timeout=2,
        proxy=None,
    ) as websocket:
        configure(websocket)

        def speak() -> float:
            started = time.monotonic()
            send(websocket, "input.text", text=wanted.text)
            send(websocket, "input.done")
            receive(websocket, "audio.start")
            if not isinstance(websocket.recv(timeout=PATIENCE), bytes):
                raise RuntimeError("the answer had no sample")
            first = time.monotonic() - started
            receive(websocket, "session.done")
            return first

        yield speak


def _trust(ca: str) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=ca)


if __name__ == "__main__":
    main()
