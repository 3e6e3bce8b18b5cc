"""One espeak-ng process and the audio that it writes.

The text goes in on stdin: as an argument, "-w /outputs/x" would be an option. What espeak-ng reads as
commands inside a text (control characters, `[[phonemes]]`) is taken out first; SSML stays off, as `-m` is not
given.
"""

import asyncio
import contextlib
import fcntl
import os
import unicodedata
from collections.abc import AsyncGenerator

from espeak_server import wav

CHUNK_BYTES = 8192
_PIPE_BYTES = 4096
_WORDS_PER_MINUTE = 175


class EspeakFailed(Exception):
    """espeak-ng could not be started, stopped with an error, or fell silent."""


def plain(text: str) -> str:
    """The text with nothing in it that espeak-ng would obey instead of speak."""
    kept = "".join(
        char if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cs") else " " for char in text
    )
    # One pass is enough for any run of brackets: no two stay neighbours.
    return kept.replace("[", " [ ").strip() if "[[" in kept else kept.strip()


async def pcm(text: str, voice: str, speed: float, stall_seconds: float) -> AsyncGenerator[bytes]:
    """The samples, piece by piece as espeak-ng writes them; whole samples in every piece.

    espeak-ng is hundreds of times faster than speech, so its pipe is made small: it waits for whoever
    listens, and what has been made is never far ahead of what has been sent. Leaving the iterator (`aclose`)
    kills the process.
    """
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=CHUNK_BYTES)
    read_end, write_end = os.pipe()
    try:
        if hasattr(fcntl, "F_SETPIPE_SZ"):  # Linux only
            fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_end, "rb", 0)
        )
        try:
            process = await asyncio.create_subprocess_exec(
                *("espeak-ng", "-b", "1", "-v", voice, "-s", str(round(_WORDS_PER_MINUTE * speed))),
                *("--stdin", "--stdout"),
                stdin=asyncio.subprocess.PIPE,
                stdout=write_end,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as failure:
            transport.close()
            raise EspeakFailed(f"espeak-ng does not start: {failure.strerror}") from failure
        except BaseException:
            transport.close()
            raise
    finally:
        # The child has its own copy; with ours open the end of the audio would never be seen.
        os.close(write_end)

    assert process.stdin  # noqa: S101 - for the type checker: a pipe was asked for
    assert process.stderr  # noqa: S101 - the same
    try:
        process.stdin.write(plain(text).encode("utf-8", "replace"))
        process.stdin.close()
        async with asyncio.timeout(stall_seconds):
            head = await _read_header(reader)
        odd = b""
        while head:
            async with asyncio.timeout(stall_seconds):
                piece = odd + await reader.read(CHUNK_BYTES)
            if not piece:
                break
            whole = len(piece) - len(piece) % wav.SAMPLE_BYTES
            piece, odd = piece[:whole], piece[whole:]
            if piece:
                yield piece
        async with asyncio.timeout(stall_seconds):
            said = (await process.stderr.read()).decode("utf-8", "replace").strip()
            status = await process.wait()
        if status or not head:
            raise EspeakFailed(f"espeak-ng stopped with status {status}: {said[-200:] or 'it said nothing'}")
    except TimeoutError as failure:
        raise EspeakFailed(f"espeak-ng wrote nothing for {stall_seconds:g} s") from failure
    finally:
        # Nothing here waits: a cancelled task must still get through all of it.
        transport.close()
        with contextlib.suppress(ProcessLookupError):
            process.kill()


async def _read_header(reader: asyncio.StreamReader) -> bytes:
    """espeak-ng's own WAV header (its sizes are placeholders); empty where it wrote no audio."""
    try:
        head = await reader.readexactly(wav.HEADER_BYTES)
    except asyncio.IncompleteReadError:
        return b""
    if not wav.is_ours(head):
        raise EspeakFailed("espeak-ng wrote something other than 16-bit mono PCM at 22050 Hz")
    return head
