"""The WebSocket `/v1/audio/speech/stream`: text in as it is written, audio out as it is made.

The protocol is vLLM-Omni's (github.com/vllm-project/vllm-omni: docs/serving/speech_api.md and
vllm_omni/entrypoints/openai/serving_speech_stream.py):

    client: session.config (first; again between utterances), input.text, input.done (flush), session.close
    server: audio.start, binary audio, audio.done per unit; session.done per input.done; error

With `stream_audio` the audio of a unit comes as many binary PCM messages; without, as one (a whole WAV, or
all the PCM). Beyond vLLM-Omni: `audio.start` always says `sample_rate` and `channels`, `stream_audio` goes
with any `speed`, and a close frame has a code that says why: 1008 no proper session.config, 1009 too much
unread text, 1011 our failure, 1012 this server is going away (connect again), 1000 the end or the idle
time-out.
"""

import asyncio
import json
import logging
from contextlib import aclosing
from typing import Any

from pydantic import ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from espeak_server import wav
from espeak_server.drain import Drain
from espeak_server.errors import SpeechError, from_validation
from espeak_server.logs import log
from espeak_server.models import SessionConfig
from espeak_server.settings import Settings
from espeak_server.splitter import Splitter
from espeak_server.synthesis import Synthesizer

_UNREAD_CHARS = 1 << 20


class _Close(Exception):
    def __init__(self, code: int, reason: str, *, error: bool = True) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.error = error
        """Whether the reason is sent as an error message too."""


class _Leave:
    """Put into the inbox when draining begins: behind what the client has already sent."""


class Session:
    """One connection, from its handshake to its close frame."""

    def __init__(self, socket: WebSocket, settings: Settings, synthesizer: Synthesizer) -> None:
        self._socket = socket
        self._settings = settings
        self._synthesizer = synthesizer
        self._inbox: asyncio.Queue[str | _Leave | _Close] = asyncio.Queue()
        self._unread = 0
        self._config: SessionConfig | None = None
        self._splitter = Splitter()
        self._utterance = 0
        self._sentence = 0
        self._open = False
        """From the first text of an utterance to its session.done: the client is owed audio."""
        self._dropped = False
        """The open utterance was too long; its text is ignored up to input.done."""

    async def run(self, drain: Drain) -> None:
        """Serve until either side ends it, or until `drain` has begun and nothing is owed."""
        await self._socket.accept()
        with drain.listener(lambda: self._inbox.put_nowait(_Leave())):
            try:
                # Reading goes on while a unit is spoken: that is how a client that leaves is noticed at once.
                async with asyncio.TaskGroup() as tasks:
                    reader = tasks.create_task(self._read())
                    tasks.create_task(self._serve()).add_done_callback(lambda _: reader.cancel())
            except* WebSocketDisconnect:
                pass

    async def _read(self) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", 1006))
            # A binary message is none of the protocol's; "" is refused as bad JSON.
            text: str = message.get("text") or ""
            self._unread += len(text)
            if self._unread > _UNREAD_CHARS:
                self._inbox.put_nowait(_Close(1009, "too much text waits to be spoken"))
                return
            self._inbox.put_nowait(text)

    async def _serve(self) -> None:
        try:
            await self._converse()
        except _Close as close:
            if close.error:
                await self._send({"type": "error", "message": close.reason})
            # A close frame holds no more than 123 bytes of reason.
            reason = close.reason.encode("utf-8", "replace")[:123].decode("utf-8", "ignore")
            await self._socket.close(close.code, reason)
        except TimeoutError:
            # The client takes nothing: no close frame would reach it either.
            log(logging.WARNING, "websocket gave no room to send", seconds=self._settings.stall_seconds)
        except WebSocketDisconnect:
            pass
        except Exception as failure:  # noqa: BLE001 - logged whole; the client gets 1011
            log(logging.ERROR, "websocket failed", failure=failure)
            await self._socket.close(1011, "internal error")

    async def _converse(self) -> None:
        leaving = False
        while True:
            if leaving and not self._open:
                raise _Close(1012, "this server is going away; connect again", error=False)
            message = await self._next()
            if isinstance(message, _Leave):
                leaving = True
            elif isinstance(message, _Close):
                raise message
            else:
                self._unread -= len(message)
                try:
                    await self._handle(message)
                except SpeechError as refusal:
                    if self._config is None:
                        raise _Close(1008, refusal.message) from refusal
                    await self._send({"type": "error", "message": refusal.message})

    async def _next(self) -> str | _Leave | _Close:
        waiting_for_config = self._config is None
        settings = self._settings
        limit = settings.ws_config_seconds if waiting_for_config else settings.ws_idle_seconds
        try:
            async with asyncio.timeout(limit):
                return await self._inbox.get()
        except TimeoutError:
            if waiting_for_config:
                raise _Close(1008, "Timeout waiting for session.config") from None
            raise _Close(1000, "Idle timeout: no message received") from None

    async def _handle(self, raw: str) -> None:
        try:
            message = json.loads(raw)
        except ValueError:
            raise SpeechError(400, "A message must be JSON text.") from None
        if not isinstance(message, dict):
            raise SpeechError(400, "A message must be a JSON object.")
        kind = message.get("type")
        if kind == "session.config":
            self._configure(message)
        elif self._config is None:
            raise SpeechError(400, "The first message must be session.config.")
        elif kind == "input.text":
            await self._take(message.get("text"), self._config)
        elif kind == "input.done":
            await self._finish(self._config)
        elif kind == "session.close":
            raise _Close(1000, "", error=False)
        else:
            raise SpeechError(
                400, "type must be session.config, input.text, input.done or session.close.", "type"
            )

    def _configure(self, message: dict[str, Any]) -> None:
        if self._open:
            raise SpeechError(400, "session.config cannot change an open utterance; send input.done first.")
        try:
            config = SessionConfig.model_validate(message)
        except ValidationError as failure:
            raise from_validation(failure) from None
        self._synthesizer.check(config)
        self._config = config
        self._splitter = Splitter(config.split_granularity)

    async def _take(self, text: object, config: SessionConfig) -> None:
        if not isinstance(text, str):
            raise SpeechError(400, "input.text needs a string in text.", "text")
        if not text:
            return
        self._open = True
        if self._dropped:
            return
        if len(self._splitter) + len(text) > self._settings.max_input_chars:
            self._dropped = True
            self._splitter.flush()
            limit = self._settings.max_input_chars
            raise SpeechError(400, f"input has more than {limit} characters; it is not spoken.", "text")
        for unit in self._splitter.feed(text):
            await self._speak(unit, config)

    async def _finish(self, config: SessionConfig) -> None:
        for unit in self._splitter.flush():
            await self._speak(unit, config)
        await self._send(
            {
                "type": "session.done",
                "utterance_index": self._utterance,
                "total_sentences": self._sentence,
            }
        )
        self._utterance += 1
        self._sentence = 0
        self._open = self._dropped = False

    async def _speak(self, text: str, config: SessionConfig) -> None:
        position = {"utterance_index": self._utterance, "sentence_index": self._sentence}
        self._sentence += 1
        shape = {"format": config.response_format, "sample_rate": wav.SAMPLE_RATE, "channels": wav.CHANNELS}
        await self._send({"type": "audio.start", **position, "sentence_text": text, **shape})
        sent = 0
        failed = False
        try:
            async with aclosing(self._synthesizer.speak(text, config, "websocket")) as pieces:
                if config.stream_audio:
                    async for piece in pieces:
                        await self._send_audio(piece)
                        sent += len(piece)
                else:
                    audio = b"".join([piece async for piece in pieces])
                    if config.response_format == "wav":
                        audio = wav.header(len(audio)) + audio
                    await self._send_audio(audio)
                    sent = len(audio)
        except SpeechError as refusal:
            failed = True
            partial = {"partial_audio": True, "action": "discard"} if sent else {}
            await self._send({"type": "error", "message": refusal.message, **partial})
        await self._send({"type": "audio.done", **position, "total_bytes": sent, "error": failed})

    async def _send(self, message: dict[str, object]) -> None:
        async with asyncio.timeout(self._settings.stall_seconds):
            await self._socket.send_text(json.dumps(message, ensure_ascii=False))

    async def _send_audio(self, audio: bytes) -> None:
        async with asyncio.timeout(self._settings.stall_seconds):
            await self._socket.send_bytes(audio)
