"""uvicorn, with an end that lets every utterance in flight finish.

uvicorn's own graceful shutdown closes each WebSocket at once, in the middle of a word. This one first stops
taking new utterances, closes WebSockets that are owed nothing, waits for the rest, and only then lets uvicorn
shut down.
"""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Iterator

import uvicorn

from espeak_server.app import Service
from espeak_server.logs import log
from espeak_server.settings import Settings

_KEEP_ALIVE_SECONDS = 3900
_LAST_BYTES_SECONDS = 2
"""For what has been answered but still lies in a socket's buffer."""


class Server(uvicorn.Server):
    """One process's uvicorn server."""

    def __init__(self, settings: Settings, service: Service) -> None:
        super().__init__(
            uvicorn.Config(
                service.app,
                host=settings.host,
                port=settings.port,
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                ws="websockets-sansio",
                ws_max_size=1 << 20,
                # PCM hardly shrinks, and compressing it would hold back the first chunk.
                ws_per_message_deflate=False,
                # Longer than Envoy keeps an idle connection (one hour): whoever closes first must be the client,
                # or a request now and then meets a connection that has just gone.
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=_LAST_BYTES_SECONDS,
            )
        )
        self._settings = settings
        self._service = service

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn's version raises the signal again at the end; a server that has drained ends with 0."""
        loop = asyncio.get_running_loop()
        signals = (signal.SIGTERM, signal.SIGINT)
        for number in signals:
            loop.add_signal_handler(number, self._asked_to_stop, number)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)

    def _asked_to_stop(self, number: int) -> None:
        log(logging.INFO, "stopping", signal=signal.Signals(number).name)
        self.should_exit = True
        self._service.drain.begin()

    async def on_tick(self, counter: int) -> bool:
        """Stop too when the voices cannot be loaded."""
        return await super().on_tick(counter) or self._service.failed

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Log where it listens: PORT=0 takes a free port."""
        await super().startup(sockets)
        for listener in self.servers:
            for bound in listener.sockets:
                address, port = bound.getsockname()[:2]
                log(logging.INFO, "listening", address=address, port=port)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain, then shut down."""
        # The listening socket stays open meanwhile: a probe reads "draining", not a refused connection.
        self._service.drain.begin()
        left = await self._service.drain.wait(self._settings.drain_seconds)
        if left:
            log(logging.WARNING, "cut off after DRAIN_SECONDS", in_flight=left)
        await super().shutdown(sockets)
        log(logging.INFO, "stopped")
