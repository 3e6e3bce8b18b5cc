"""The 44 bytes before the samples."""

import struct

SAMPLE_RATE = 22050
CHANNELS = 1
SAMPLE_BYTES = 2
BYTES_PER_SECOND = SAMPLE_RATE * CHANNELS * SAMPLE_BYTES
HEADER_BYTES = 44
_UNKNOWN = 0xFFFFFFFF
_LAYOUT = struct.Struct("<4sI4s4sIHHIIHH4sI")


def header(pcm_bytes: int | None) -> bytes:
    """A header for that many bytes of samples; None where the end is not known yet."""
    riff = _UNKNOWN if pcm_bytes is None else HEADER_BYTES - 8 + pcm_bytes
    size = _UNKNOWN if pcm_bytes is None else pcm_bytes
    frame = CHANNELS * SAMPLE_BYTES
    return _LAYOUT.pack(
        *(b"RIFF", riff, b"WAVE", b"fmt ", 16, 1, CHANNELS, SAMPLE_RATE, BYTES_PER_SECOND, frame),
        *(SAMPLE_BYTES * 8, b"data", size),
    )


def is_ours(head: bytes) -> bool:
    """Whether another writer's header says 16-bit mono PCM at our rate."""
    riff, _, wave, _, _, code, channels, rate, _, _, bits, data, _ = _LAYOUT.unpack(head)
    shape: tuple[object, ...] = (riff, wave, data, code, channels, rate, bits)
    return shape == (b"RIFF", b"WAVE", b"data", 1, CHANNELS, SAMPLE_RATE, SAMPLE_BYTES * 8)
