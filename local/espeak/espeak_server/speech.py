"""`POST /v1/audio/speech`: the body read within bounds, the audio sent whole or as it is made."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import aclosing

from pydantic import ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Send

from espeak_server import wav
from espeak_server.errors import SpeechError, from_validation
from espeak_server.models import SpeechRequest
from espeak_server.settings import Settings
from espeak_server.synthesis import Synthesizer

# The longest JSON escape of one character ("\ud83d\ude00") is twelve bytes.
_BYTES_PER_CHAR = 12
_OTHER_FIELDS = 64 * 1024


class AudioStream(StreamingResponse):
    """Ends the synthesis with the response, however that ends, and gives up a client that stops reading."""

    def __init__(
        self,
        pieces: AsyncGenerator[bytes],
        stall_seconds: float,
        headers: Mapping[str, str],
        media_type: str,
    ) -> None:
        super().__init__(pieces, headers=headers, media_type=media_type)
        self._pieces = pieces
        self._stall_seconds = stall_seconds

    async def stream_response(self, send: Send) -> None:
        """Send the pieces; close their source in any case."""

        async def send_or_give_up(message: Message) -> None:
            async with asyncio.timeout(self._stall_seconds):
                await send(message)

        async with aclosing(self._pieces):
            await super().stream_response(send_or_give_up)


async def respond(request: Request, settings: Settings, synthesizer: Synthesizer) -> Response:
    """Answer a request; raises SpeechError where it is refused."""
    wanted = await _parse(request, settings)
    headers = {"x-sample-rate": str(wav.SAMPLE_RATE), "x-channels": str(wav.CHANNELS)}
    media_type = f"audio/{wanted.response_format}"
    pieces = synthesizer.speak(wanted.input, wanted, "http")
    if not wanted.streams:
        audio = await _unless_gone(request, _whole(pieces))
        if wanted.response_format == "wav":
            audio = wav.header(len(audio)) + audio
        return Response(audio, headers=headers, media_type=media_type)
    # The first piece before the status line: what fails until then still gets a status of its own.
    first = await _unless_gone(request, _first(pieces))
    if wanted.response_format == "wav":
        first = wav.header(None) + first
    return AudioStream(_all(first, pieces), settings.stall_seconds, headers=headers, media_type=media_type)


async def _whole(pieces: AsyncGenerator[bytes]) -> bytes:
    async with aclosing(pieces):
        return b"".join([piece async for piece in pieces])


async def _first(pieces: AsyncGenerator[bytes]) -> bytes:
    return await anext(pieces, b"")


async def _all(first: bytes, pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    async with aclosing(pieces):
        yield first
        async for piece in pieces:
            yield piece


async def _parse(request: Request, settings: Settings) -> SpeechRequest:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise SpeechError(415, "The body must be JSON, with the header Content-Type: application/json.")
    limit = settings.max_input_chars * _BYTES_PER_CHAR + _OTHER_FIELDS
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit:
            raise SpeechError(413, f"The body is longer than {limit} bytes.")
    try:
        return SpeechRequest.model_validate_json(bytes(body))
    except ValidationError as failure:
        raise from_validation(failure) from None


async def _unless_gone(request: Request, work: Coroutine[object, object, bytes]) -> bytes:
    """The work's result; the work is cancelled when the client goes away before it."""
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_disconnect(request))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        leaving.cancel()
        working.cancel()


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
