"""What every request passes first: its id, admission, the count of what is in flight, its log line."""

import logging
import re
import time
import uuid
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from espeak_server.drain import Drain
from espeak_server.errors import SpeechError
from espeak_server.logs import log

PROBES = ("/health", "/livez")
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Front:
    """ASGI middleware.

    The API under /v1/ is refused with 503 while the voices load and while the server drains; a WebSocket
    handshake is refused the same way, with an HTTP 503, so that no client takes it for a working socket.
    """

    def __init__(self, app: ASGIApp, *, drain: Drain, loaded: Callable[[], bool]) -> None:
        self._app = app
        self._drain = drain
        self._loaded = loaded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "lifespan" or scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex
        status = 0
        started = time.monotonic()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            kind = message["type"]
            if kind in ("http.response.start", "websocket.http.response.start"):
                status = message["status"]
                MutableHeaders(scope=message).append("x-request-id", request_id)
            elif kind == "websocket.accept":
                status = 101
            await send(message)

        try:
            await self._admit(scope, receive, send_with_id)
        finally:
            log(
                *(logging.INFO, "request"),
                method=scope.get("method", "WEBSOCKET"),
                path=scope["path"],
                status=status,
                ms=round((time.monotonic() - started) * 1000, 1),
                request_id=request_id,
            )

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not scope["path"].startswith("/v1/"):
            await self._app(scope, receive, send)
        elif self._drain.draining:
            await _refuse("This server is going away; try again.")(scope, receive, send)
        elif not self._loaded():
            await _refuse("The voices are still loading.")(scope, receive, send)
        else:
            with self._drain.track():
                await self._app(scope, receive, send)


def _refuse(message: str) -> JSONResponse:
    headers = {"retry-after": "1", "connection": "close"}
    return JSONResponse(SpeechError(503, message).body(), status_code=503, headers=headers)
