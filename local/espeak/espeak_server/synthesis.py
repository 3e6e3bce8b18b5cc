"""From a text to audio: voices, turns, limits, and the record of each utterance."""

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing

from espeak_server import process, voices, wav
from espeak_server.errors import SpeechError
from espeak_server.logs import log
from espeak_server.models import SpeechOptions
from espeak_server.outputs import Outputs
from espeak_server.process import EspeakFailed
from espeak_server.settings import Settings
from espeak_server.voices import Voice


class Synthesizer:
    """The one way to audio for both HTTP and WebSocket."""

    def __init__(self, settings: Settings, outputs: Outputs) -> None:
        self._settings = settings
        self._outputs = outputs
        self._turns = asyncio.Semaphore(settings.max_streams)
        self._waiting = 0
        self.voices: Mapping[str, Voice] = {}
        """Empty until loaded."""

    async def load(self) -> None:
        """Lists the voices and speaks a word with each: espeak-ng lists some that it then cannot load."""
        try:
            found = await voices.listed()
        except OSError as failure:
            raise EspeakFailed(f"espeak-ng does not start: {failure.strerror}. Is it installed?") from failure
        spoken = await asyncio.gather(*(self._speaks(voice) for voice in found))
        loaded = {voice.name: voice for voice, works in zip(found, spoken, strict=True) if works}
        if mute := sorted({voice.name for voice in found} - loaded.keys()):
            log(logging.WARNING, "voices left out", voices=mute)
        if self._settings.default_voice not in loaded:
            raise EspeakFailed(
                f"DEFAULT_VOICE {self._settings.default_voice!r} is none of its {len(loaded)} voices"
            )
        await self._outputs.check()
        self.voices = loaded

    async def _speaks(self, voice: Voice) -> bool:
        async with self._turns:
            try:
                stall = self._settings.stall_seconds
                async with aclosing(process.pcm("one", voice.name, 1.0, stall)) as pieces:
                    return bool([piece async for piece in pieces])
            except EspeakFailed:
                return False

    def check(self, options: SpeechOptions) -> Voice:
        """The voice to speak with; raises SpeechError where the model or the voice is not ours."""
        if options.model is not None and options.model != self._settings.model_name:
            message = (
                f"The model `{options.model[:80]}` does not exist; this is `{self._settings.model_name}`."
            )
            raise SpeechError(404, message, "model")
        return voices.choose(
            self.voices, self._settings.default_voice if options.voice is None else options.voice
        )

    def check_text(self, text: str) -> None:
        """Raises SpeechError where the text is too long, or nothing."""
        if len(text) > self._settings.max_input_chars:
            limit = self._settings.max_input_chars
            raise SpeechError(400, f"input has {len(text)} characters; the most is {limit}.", "input")
        if not process.plain(text):
            raise SpeechError(400, "input has nothing to speak.", "input")

    async def speak(self, text: str, options: SpeechOptions, transport: str) -> AsyncGenerator[bytes]:
        """The samples of one utterance as they are made. It is kept before the iterator ends.

        Close it (`aclosing`) wherever it may be left early: that ends the process and frees the turn.
        """
        voice = self.check(options)
        self.check_text(text)
        utterance_id = uuid.uuid4().hex[:8]
        record: dict[str, object] = {
            "id": utterance_id,
            "transport": transport,
            "voice": voice.name,
            "format": options.response_format,
            "speed": options.speed,
            "chars": len(text),
            "result": "abandoned",
        }
        asked = time.monotonic()
        audio = bytearray()
        try:
            async with self._turn():
                pieces = process.pcm(text, voice.name, options.speed, self._settings.stall_seconds)
                async with aclosing(pieces):
                    async for piece in pieces:
                        if not audio:
                            record["first_chunk_ms"] = _since(asked)
                        audio += piece
                        if len(audio) > self._settings.max_audio_seconds * wav.BYTES_PER_SECOND:
                            seconds = self._settings.max_audio_seconds
                            raise SpeechError(400, f"input speaks for more than {seconds:g} s.", "input")
                        yield piece
            record["file"] = await self._outputs.save(audio, utterance_id)
            record["result"] = "spoken"
        except EspeakFailed as failure:
            record["result"] = str(failure)
            raise SpeechError(500, "espeak-ng failed on this input; the server's log says why.") from failure
        except SpeechError as refusal:
            record["result"] = refusal.message
            raise
        finally:
            record["audio_seconds"] = round(len(audio) / wav.BYTES_PER_SECOND, 3)
            record["ms"] = _since(asked)
            log(logging.INFO, "utterance", fields=record)

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._turns.locked() and self._waiting >= self._settings.max_queue:
            raise SpeechError(503, "Too many utterances are waiting; try again in a moment.")
        self._waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._turns.release()


def _since(start: float) -> float:
    return round((time.monotonic() - start) * 1000, 1)
