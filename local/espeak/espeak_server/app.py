"""The web application: its routes, its page, and how it comes up."""

import asyncio
import base64
import contextlib
import hashlib
import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from espeak_server import speech
from espeak_server.drain import Drain
from espeak_server.errors import SpeechError
from espeak_server.front import Front
from espeak_server.logs import log
from espeak_server.outputs import Outputs
from espeak_server.process import EspeakFailed
from espeak_server.session import Session
from espeak_server.settings import Settings
from espeak_server.synthesis import Synthesizer


class Service:
    """One server's state and its handlers."""

    def __init__(self, settings: Settings) -> None:
        self.drain = Drain()
        self.failed = False
        """The voices cannot be loaded, and waiting will not change that."""
        self._settings = settings
        self._outputs = Outputs(settings.outputs_dir)
        self._synthesizer = Synthesizer(settings, self._outputs)
        self._page = (Path(__file__).parent / "page.html").read_text("utf-8")
        self.app = Starlette(
            routes=[
                Route("/", self.page),
                Route("/health", self.health),
                Route("/livez", self.livez),
                Route("/v1/audio/voices", self.voices),
                Route("/v1/audio/speech", self.speech, methods=["POST"]),
                WebSocketRoute("/v1/audio/speech/stream", self.stream),
            ],
            middleware=[Middleware(Front, drain=self.drain, loaded=self.loaded)],
            exception_handlers={
                SpeechError: _speech_error,
                HTTPException: _http_error,
                ClientDisconnect: _gone,
                Exception: _internal_error,
            },
            lifespan=self._lifespan,
        )

    def loaded(self) -> bool:
        """Whether the voices can be spoken with."""
        return bool(self._synthesizer.voices)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        # Beside the server, not before it: /health answers 503 while the voices load.
        loading = asyncio.create_task(self._load())
        yield
        loading.cancel()

    async def _load(self) -> None:
        try:
            await self._synthesizer.load()
            log(logging.INFO, "ready", voices=len(self._synthesizer.voices))
        except EspeakFailed as failure:
            self.failed = True
            log(logging.ERROR, "cannot speak", reason=str(failure))
        except Exception as failure:  # noqa: BLE001 - the last stop: logged whole, and the server ends
            self.failed = True
            log(logging.ERROR, "cannot speak", failure=failure)

    async def health(self, _: Request) -> Response:
        """Readiness: 200 only while new utterances are taken."""
        ready = self.loaded() and not self.drain.draining
        state = "draining" if self.drain.draining else "ok" if ready else "loading"
        detail = {"status": state, "voices": len(self._synthesizer.voices), "outputs": self._outputs.state}
        return JSONResponse(detail, status_code=200 if ready else 503, headers={"cache-control": "no-store"})

    async def livez(self, _: Request) -> Response:
        """Liveness: that the event loop turns, drained or not."""
        return JSONResponse({"status": "alive"})

    async def voices(self, _: Request) -> Response:
        """The names that `voice` may have."""
        known = self._synthesizer.voices
        return JSONResponse(
            {
                "voices": list(known),
                "uploaded_voices": [],
                "default": self._settings.default_voice,
                "labels": {name: voice.label for name, voice in known.items()},
            }
        )

    async def speech(self, request: Request) -> Response:
        """`POST /v1/audio/speech`."""
        return await speech.respond(request, self._settings, self._synthesizer)

    async def stream(self, socket: WebSocket) -> None:
        """The WebSocket."""
        await Session(socket, self._settings, self._synthesizer).run(self.drain)

    async def page(self, _: Request) -> Response:
        """The page where a person types and listens."""
        headers = {
            "content-security-policy": content_security_policy(self._page),
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "cache-control": "no-cache",
        }
        return HTMLResponse(self._page, headers=headers)


def content_security_policy(page: str) -> str:
    """Nothing but the page's own script and style, by their hashes, and connections back to this server."""

    def hashes(tag: str) -> str:
        found = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in found)
        return " ".join(f"'sha256-{digest}'" for digest in digests)

    return (
        f"default-src 'none'; script-src {hashes('script')}; style-src {hashes('style')}; img-src data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


async def _speech_error(_: Request, failure: Exception) -> Response:
    assert isinstance(failure, SpeechError)  # noqa: S101 - for the type checker; Starlette chose by the type
    headers = {"retry-after": "1"} if failure.status == 503 else None
    return JSONResponse(failure.body(), status_code=failure.status, headers=headers)


async def _http_error(request: Request, failure: Exception) -> Response:
    assert isinstance(failure, HTTPException)  # noqa: S101 - the same
    told = {
        404: f"There is no {request.url.path} here.",
        405: f"{request.method} is not for {request.url.path}.",
    }
    error = SpeechError(failure.status_code, told.get(failure.status_code, failure.detail))
    return JSONResponse(error.body(), status_code=failure.status_code, headers=failure.headers)


async def _gone(_: Request, __: Exception) -> Response:
    return Response(status_code=499)  # nginx's "client closed request"; nobody is left to read it


async def _internal_error(_: Request, failure: Exception) -> Response:
    log(logging.ERROR, "request failed", failure=failure)
    return JSONResponse(SpeechError(500, "The server failed on this request.").body(), status_code=500)
