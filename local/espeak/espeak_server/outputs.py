"""Keeps each utterance as a WAV file on the outputs volume.

A volume that is full or read-only silences nobody: the utterance is spoken, the loss is logged, and `/health`
shows it beside a 200, because a restart would not mend the volume.
"""

import asyncio
import contextlib
import logging
import os
from datetime import UTC, datetime
from pathlib import Path

from espeak_server import wav
from espeak_server.logs import log


class Outputs:
    """The directory of kept utterances."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.state = "ok"
        """"ok", or why the last utterance could not be kept."""

    async def check(self) -> None:
        """Find out before the first utterance whether the volume takes files."""
        probe = self._directory / f".probe-{os.getpid()}"
        try:
            await asyncio.to_thread(_write, probe, b"")
            await asyncio.to_thread(probe.unlink)
        except OSError as failure:
            self._failed(failure)

    async def save(self, pcm: bytes | bytearray, utterance_id: str) -> str | None:
        """The file's name, or None where it could not be written."""
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        path = self._directory / f"{now}-{utterance_id}.wav"
        try:
            await asyncio.to_thread(_write, path, wav.header(len(pcm)), pcm)
        except OSError as failure:
            self._failed(failure)
            return None
        self.state = "ok"
        return path.name

    def _failed(self, failure: OSError) -> None:
        self.state = failure.strerror or str(failure)
        log(logging.ERROR, "utterances are not kept", outputs=str(self._directory), reason=self.state)


def _write(path: Path, *parts: bytes | bytearray) -> None:
    # Nobody who reads the directory meets half a file: it is named .wav once all of it is on the disk.
    partial = path.with_name(f".{path.name}.part")
    try:
        with partial.open("xb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise
