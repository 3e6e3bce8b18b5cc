"""A server of one's own for a test: the real process, on a free loopback port, with outputs of its own.

Beside the package, so that no image carries it.
"""

# ruff: noqa: S101 - asserts are what tests are made of
import contextlib
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

HERE = Path(__file__).parent
SENTENCE = "The quick brown fox jumps over the lazy dog, and you hear it before the last word is ready."
# One sentence whose audio (21 MB at half speed) no socket's buffers can take: it is made only as it is read.
ENDLESS = ("and the river goes on, and the road goes on, " * 91)[:4090] + "on."


def need_espeak() -> None:
    """Skip where espeak-ng is missing; fail in CI."""
    if shutil.which("espeak-ng") is None:
        why = "espeak-ng is not installed: apt-get install espeak-ng"
        pytest.fail(why) if os.environ.get("CI") == "true" else pytest.skip(why)


@dataclass
class Running:
    """One server and how to talk to it."""

    process: subprocess.Popen[str]
    port: int
    outputs: Path
    log_file: Path

    @functools.cached_property
    def client(self) -> httpx.Client:
        """A connection to it."""
        # One for all requests: each new one costs more time than a sentence.
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30)

    def health(self) -> httpx.Response:
        """What a readiness probe gets."""
        return self.client.get("/health")

    def speak(self, text: str, **fields: Any) -> httpx.Response:
        """One answer, read whole."""
        return self.client.post("/v1/audio/speech", json={"input": text, **fields})

    def listen(self, text: str, **fields: Any) -> contextlib.AbstractContextManager[httpx.Response]:
        """A streamed answer, to be read at the caller's pace."""
        body = {"input": text, "stream": True, **fields}
        return self.client.stream("POST", "/v1/audio/speech", json=body)

    def socket(self) -> ClientConnection:
        """A WebSocket to it."""
        url = f"ws://127.0.0.1:{self.port}/v1/audio/speech/stream"
        return connect(url, compression=None, max_size=None, close_timeout=0.2)

    def synthesising(self) -> int:
        """How many utterances are being made."""
        return synthesising(self.process.pid)

    def log(self) -> str:
        """All that it has logged."""
        return self.log_file.read_text()

    def events(self, name: str) -> list[dict[str, Any]]:
        """Its log lines of that event."""
        lines = (json.loads(line) for line in self.log().splitlines())
        return [line for line in lines if line["event"] == name]

    def terminate(self) -> None:
        """What kubelet sends."""
        self.process.send_signal(signal.SIGTERM)


def synthesising(parent: int) -> int:
    """How many living espeak-ng processes are that process's children."""
    command = ["ps", "-o", "comm=,stat=", "--ppid", str(parent)]
    found = subprocess.run(command, capture_output=True, text=True)
    children = [line.split() for line in found.stdout.splitlines()]
    return sum(name == "espeak-ng" and not state.startswith("Z") for name, state in children)


def until_closed(socket: ClientConnection) -> list[str | bytes]:
    """Every message that still comes; after it, `socket.close_code` says how the connection ended."""
    messages: list[str | bytes] = []
    with contextlib.suppress(ConnectionClosed):
        while True:
            messages.append(socket.recv(timeout=10))
    return messages


def eventually(what: Any, seconds: float = 5) -> bool:
    """Whether it becomes true in time."""
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@contextlib.contextmanager
def launched(directory: Path, **settings: str) -> Iterator[Running]:
    """From the moment it listens, loaded or not; killed at the end if it is still there."""
    need_espeak()
    outputs = directory / "outputs"
    outputs.mkdir()
    log_file = directory / "log"
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(HERE),
        "HOST": "127.0.0.1",
        "PORT": "0",
        "OUTPUTS_DIR": str(outputs),
        **settings,
    }
    with log_file.open("w") as log:
        command = [sys.executable, "-m", "espeak_server"]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, text=True)
    server = Running(process, 0, outputs, log_file)
    try:
        assert eventually(lambda: server.events("listening") or process.poll() is not None, 20), server.log()
        assert process.poll() is None, server.log()
        server.port = server.events("listening")[0]["port"]
        yield server
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def running(directory: Path, **settings: str) -> Iterator[Running]:
    """The same, once it is ready."""
    with launched(directory, **settings) as server:
        assert eventually(lambda: server.health().status_code == 200, 30), server.log()
        yield server
