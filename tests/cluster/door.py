"""Clients at the front door. They trust the in-cluster CA and nobody else."""

import io
import json
import socket
import ssl
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

DOMAIN = "tts.localhost"
SAMPLE_RATE = 22050
# Bytes of a WAV file before its first sample.
WAV_HEADER = 44
SENTENCE = "The quick brown fox jumps over the lazy dog."
# Half speed makes 20 MB of it: more than all buffers between the server and a client who does not read can hold.
ENDLESS = ("and the river goes on, and the road goes on, " * 91)[:4090] + "on."


@dataclass(frozen=True)
class Door:
    """One address at which Envoy answers."""

    address: str
    port: int
    ca: str

    def trust(self) -> ssl.SSLContext:
        # With `cadata` Python loads nothing else: no authority of the machine counts.
        return ssl.create_default_context(cadata=self.ca)

    @contextmanager
    def client(self, verify: ssl.SSLContext | None = None) -> Iterator["Voice"]:
        with httpx.Client(
            base_url=f"https://{self.address}:{self.port}",
            headers={"Host": DOMAIN if self.port == 443 else f"{DOMAIN}:{self.port}"},
            verify=verify or self.trust(),
            timeout=30,
            trust_env=False,
        ) as session:
            yield Voice(session)

    def tls(self, context: ssl.SSLContext) -> ssl.SSLSocket:
        """A connection on which nothing was said yet."""
        plain = socket.create_connection((self.address, self.port), timeout=10)
        return context.wrap_socket(plain, server_hostname=DOMAIN)

    def websocket(self) -> ClientConnection:
        plain = socket.create_connection((self.address, self.port), timeout=10)
        return connect(
            f"wss://{DOMAIN}:{self.port}/v1/audio/speech/stream",
            sock=plain,
            ssl=self.trust(),
            server_hostname=DOMAIN,
            compression=None,
            max_size=None,
            close_timeout=2,
            proxy=None,
        )


@dataclass(frozen=True)
class Voice:
    """A session that speaks."""

    session: httpx.Client

    def say(self, text: str, **fields: Any) -> httpx.Response:
        extensions = {"sni_hostname": DOMAIN}
        return self.session.post("/v1/audio/speech", json={"input": text, **fields}, extensions=extensions)

    @contextmanager
    def listen(self, text: str, **fields: Any) -> Iterator[httpx.Response]:
        """A streamed answer, to be read at the caller's pace."""
        body = {"input": text, "stream": True, **fields}
        extensions = {"sni_hostname": DOMAIN}
        with self.session.stream("POST", "/v1/audio/speech", json=body, extensions=extensions) as answer:
            yield answer

    def get(self, path: str) -> httpx.Response:
        return self.session.get(path, extensions={"sni_hostname": DOMAIN})


def frames(wav_file: bytes) -> bytes:
    """The samples of a WAV file of the one kind that the service speaks."""
    with wave.open(io.BytesIO(wav_file)) as audio:
        shape = (audio.getnchannels(), audio.getsampwidth(), audio.getframerate())
        assert shape == (1, 2, SAMPLE_RATE), f"a player would play {shape} at the wrong pitch"
        count = audio.getnframes()
        samples: bytes = audio.readframes(count)
    assert len(samples) == 2 * count, "the header promises more audio than came"
    return samples


def seconds(samples: bytes) -> float:
    return len(samples) / 2 / SAMPLE_RATE


def configure(websocket: ClientConnection, **settings: Any) -> None:
    fields = {"response_format": "pcm", "stream_audio": True, **settings}
    websocket.send(json.dumps({"type": "session.config", **fields}))


def send(websocket: ClientConnection, kind: str, **fields: Any) -> None:
    websocket.send(json.dumps({"type": kind, **fields}))


def receive(websocket: ClientConnection, until: str) -> list[dict[str, Any] | bytes]:
    """Every message up to and with the one of that type."""
    messages: list[dict[str, Any] | bytes] = []
    while True:
        message = websocket.recv(timeout=30)
        messages.append(message if isinstance(message, bytes) else json.loads(message))
        last = messages[-1]
        if isinstance(last, dict):
            assert last["type"] != "error", f"the server refused: {last}"
            if last["type"] == until:
                return messages


def speak(websocket: ClientConnection, text: str) -> list[bytes]:
    """One utterance on a configured connection; its audio as it came."""
    send(websocket, "input.text", text=text)
    send(websocket, "input.done")
    return [message for message in receive(websocket, "session.done") if isinstance(message, bytes)]
