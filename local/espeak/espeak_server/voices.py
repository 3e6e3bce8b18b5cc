"""The voices that this espeak-ng really speaks with."""

import asyncio
import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from espeak_server.errors import SpeechError


@dataclass(frozen=True, kw_only=True)
class Voice:
    """One voice of espeak-ng."""

    name: str
    """The language tag that espeak-ng takes after -v."""
    label: str
    """What a person reads: "French (Belgium)"."""


async def listed() -> list[Voice]:
    """What `espeak-ng --voices` lists, the first of each name. Raises OSError where there is no espeak-ng."""
    process = await asyncio.create_subprocess_exec(
        "espeak-ng", "--voices", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    table, _ = await process.communicate()
    found: dict[str, Voice] = {}
    for row in table.decode("utf-8", "replace").splitlines()[1:]:
        columns = row.split()
        # A file under mb/ belongs to MBROLA, another program with voices of its own.
        if len(columns) >= 5 and not columns[4].startswith("mb/"):
            found.setdefault(columns[1], Voice(name=columns[1], label=columns[3].replace("_", " ")))
    return list(found.values())


def choose(voices: Mapping[str, Voice], name: str) -> Voice:
    """The voice of that name; the refusal of another one names those near it."""
    if (voice := voices.get(name)) or (voice := voices.get(name.lower())):
        return voice
    near = difflib.get_close_matches(name.lower(), voices, n=3, cutoff=0.6)
    hint = f"Near it: {', '.join(near)}." if near else "GET /v1/audio/voices lists them."
    raise SpeechError(400, f"There is no voice {name[:80]!r}. {hint}", "voice")
