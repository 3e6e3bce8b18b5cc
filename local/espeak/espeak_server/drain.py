"""Counts what is in flight, so that SIGTERM can wait for it."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator


class Drain:
    """What is in flight, and who wants to know that the end has begun."""

    def __init__(self) -> None:
        self.draining = False
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._listeners: set[Callable[[], None]] = set()

    def begin(self) -> None:
        """From now on nothing new is to be taken; the listeners are told once."""
        if self.draining:
            return
        self.draining = True
        for tell in list(self._listeners):
            tell()

    @contextlib.contextmanager
    def track(self) -> Iterator[None]:
        """What runs inside is waited for."""
        self._in_flight += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._idle.set()

    @contextlib.contextmanager
    def listener(self, tell: Callable[[], None]) -> Iterator[None]:
        """`tell` is called when draining begins, at once where it has begun."""
        self._listeners.add(tell)
        try:
            if self.draining:
                tell()
            yield
        finally:
            self._listeners.discard(tell)

    async def wait(self, seconds: float) -> int:
        """Waits until nothing is in flight; how much still is when the time is up."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        return self._in_flight
