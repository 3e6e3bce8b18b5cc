"""How the local engine starts and ends: SIGTERM loses no utterance, and a bad start says why."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

sys.path.insert(0, str(Path(__file__).parents[2] / "local" / "espeak"))

from espeak_testing import ENDLESS, HERE, launched, need_espeak, running, until_closed

CONFIG = {"type": "session.config", "response_format": "pcm", "stream_audio": True, "speed": 0.5}


def test_sigterm_finishes_what_is_in_flight_and_takes_nothing_new(tmp_path: Path) -> None:
    with (
        running(tmp_path) as server,
        server.listen(ENDLESS, speed=0.5, response_format="pcm") as answer,
        server.socket() as busy,
        server.socket() as idle,
    ):
        pieces = answer.iter_raw()
        heard = len(next(pieces))
        for message in (CONFIG, {"type": "input.text", "text": ENDLESS}):
            busy.send(json.dumps(message))
        idle.send(json.dumps(CONFIG))
        idle.send(json.dumps({"type": "input.done"}))
        assert json.loads(idle.recv(timeout=5))["type"] == "session.done"
        server.terminate()

        with pytest.raises(ConnectionClosed) as end:
            idle.recv(timeout=2)
        assert end.value.rcvd
        assert end.value.rcvd.code == 1012, "an idle client must be sent to another pod at once"
        health = server.health()
        assert (health.status_code, health.json()["status"]) == (503, "draining")
        assert server.client.get("/livez").status_code == 200, "a restart would cut off what drains"
        assert server.speak("Too late.").status_code == 503
        with pytest.raises(InvalidStatus) as refusal:
            server.socket()
        assert refusal.value.response.status_code == 503

        # The one socket still owes its input.done; it is served, and only then sent away.
        busy.send(json.dumps({"type": "input.done"}))
        received = until_closed(busy)
        messages = [json.loads(message) for message in received if isinstance(message, str)]
        total = sum(len(message) for message in received if isinstance(message, bytes))
        assert [message["type"] for message in messages] == ["audio.start", "audio.done", "session.done"]
        assert total == messages[1]["total_bytes"] > 10_000_000
        assert busy.close_code == 1012
        assert server.process.poll() is None, "the HTTP stream is still being read"
        assert heard + sum(map(len, pieces)) == total, "the same text, so the same audio, to the last byte"
        assert server.process.wait(timeout=5) == 0
        assert len(list(server.outputs.iterdir())) == 2


def test_a_client_that_never_reads_does_not_hold_the_end_up(tmp_path: Path) -> None:
    with running(tmp_path, DRAIN_SECONDS="0.5") as server, server.listen(ENDLESS, speed=0.5) as answer:
        pieces = answer.iter_raw()
        next(pieces)
        server.terminate()
        assert server.process.wait(timeout=8) == 0, "kubelet would kill it, and log nothing"
        assert server.events("cut off after DRAIN_SECONDS")[0]["in_flight"] == 1


def test_sigterm_while_loading_ends_at_once(tmp_path: Path) -> None:
    with launched(tmp_path) as server:
        asked = time.monotonic()
        server.terminate()
        assert server.process.wait(timeout=5) == 0
        assert time.monotonic() - asked < 3


def start(**settings: str) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(HERE), "HOST": "127.0.0.1", "PORT": "0", **settings}
    command = [sys.executable, "-m", "espeak_server"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)


def test_without_espeak_it_stops_and_says_so(tmp_path: Path) -> None:
    ended = start(PATH=str(tmp_path))
    assert ended.returncode == 1
    assert "espeak-ng does not start" in ended.stdout, "a pod that never gets ready would say nothing"


def test_a_default_voice_that_is_none_stops_it() -> None:
    need_espeak()
    ended = start(PATH=os.environ["PATH"], DEFAULT_VOICE="klingon", OUTPUTS_DIR="/nowhere")
    assert ended.returncode == 1
    assert "klingon" in ended.stdout


def test_all_bad_settings_are_named_at_once() -> None:
    ended = start(PATH=os.environ["PATH"], PORT="ninety", MAX_STREAMS="0")
    assert ended.returncode == 2
    assert "PORT=ninety" in ended.stderr
    assert "MAX_STREAMS=0" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_port_in_use_stops_it_and_says_so(tmp_path: Path) -> None:
    with launched(tmp_path) as server:
        ended = start(PATH=os.environ["PATH"], PORT=str(server.port), OUTPUTS_DIR=str(tmp_path))
    assert ended.returncode != 0
    assert "address already in use" in ended.stdout
