"""The local engine's WebSocket: vLLM-Omni's protocol, spoken to the real server process."""

import io
import json
import sys
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection

sys.path.insert(0, str(Path(__file__).parents[2] / "local" / "espeak"))

from espeak_testing import ENDLESS, SENTENCE, Running, eventually, running, until_closed

STREAM = {"type": "session.config", "response_format": "pcm", "stream_audio": True}
DONE = {"type": "input.done"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    settings = {"WS_CONFIG_SECONDS": "0.3", "WS_IDLE_SECONDS": "1"}
    with running(tmp_path_factory.mktemp("espeak"), **settings) as started:
        yield started


@pytest.fixture
def socket(server: Running) -> Iterator[ClientConnection]:
    with server.socket() as connected:
        yield connected


def text(words: str) -> dict[str, Any]:
    return {"type": "input.text", "text": words}


def send(socket: ClientConnection, *messages: dict[str, Any]) -> None:
    for message in messages:
        socket.send(json.dumps(message))


def receive(socket: ClientConnection) -> Any:
    """A message's object, or the bytes of audio."""
    message = socket.recv(timeout=10)
    return message if isinstance(message, bytes) else json.loads(message)


def until_done(socket: ClientConnection) -> list[Any]:
    messages = [receive(socket)]
    while not (isinstance(messages[-1], dict) and messages[-1]["type"] == "session.done"):
        messages.append(receive(socket))
    return messages


def audio(messages: list[Any]) -> bytes:
    return b"".join(message for message in messages if isinstance(message, bytes))


def kinds(messages: list[Any]) -> list[str]:
    """The types in order, runs of audio as one."""
    names = ["audio" if isinstance(message, bytes) else message["type"] for message in messages]
    return [name for name, before in zip(names, [None, *names], strict=False) if name != before]


def closed(socket: ClientConnection) -> tuple[int, str]:
    """The close frame's code and reason, after whatever came before it."""
    until_closed(socket)
    assert socket.close_code is not None
    return socket.close_code, socket.close_reason or ""


class TestAudio:
    def test_chunks_come_before_the_sentence_is_done(self, server: Running, socket: ClientConnection) -> None:
        send(socket, {**STREAM, "speed": 0.5}, text(ENDLESS), DONE)
        assert receive(socket)["type"] == "audio.start"
        first, second = receive(socket), receive(socket)
        assert server.synthesising() == 1, "all of it was made before any of it was sent"
        rest = until_done(socket)
        assert rest[-2]["total_bytes"] == len(first + second + audio(rest)) > 10_000_000
        assert rest[-2]["error"] is False

    def test_an_ordinary_sentence_is_many_chunks_of_the_audio_that_http_gives(
        self, server: Running, socket: ClientConnection
    ) -> None:
        send(socket, STREAM, text(SENTENCE), DONE)
        messages = until_done(socket)
        assert kinds(messages) == ["audio.start", "audio", "audio.done", "session.done"]
        start = {key: messages[0][key] for key in ("format", "sample_rate", "channels", "sentence_text")}
        assert start == {"format": "pcm", "sample_rate": 22050, "channels": 1, "sentence_text": SENTENCE}
        chunks = [message for message in messages if isinstance(message, bytes)]
        assert len(chunks) > 10
        assert all(len(chunk) % 2 == 0 for chunk in chunks), "half a sample is a loud crack"
        assert b"".join(chunks) == server.speak(SENTENCE, response_format="pcm").content

    def test_by_default_each_utterance_is_one_wav(self, socket: ClientConnection) -> None:
        send(socket, {"type": "session.config"}, text("Hello. "), text("Again."), DONE)
        start, spoken, _, done = until_done(socket)
        assert (start["format"], start["sentence_text"]) == ("wav", "Hello. Again.")
        with wave.open(io.BytesIO(spoken)) as file:
            assert file.getnframes() * 2 + 44 == len(spoken)
        assert (done["utterance_index"], done["total_sentences"]) == (0, 1)

    def test_sentences_are_spoken_as_they_come(self, socket: ClientConnection) -> None:
        send(socket, {**STREAM, "split_granularity": "sentence"}, text("First one. Second"))
        assert receive(socket)["sentence_text"] == "First one.", "it waited for input.done"
        send(socket, text(" one."), DONE)
        messages = [message for message in until_done(socket) if isinstance(message, dict)]
        assert [(m["type"], m.get("sentence_index")) for m in messages] == [
            ("audio.done", 0),
            ("audio.start", 1),
            ("audio.done", 1),
            ("session.done", None),
        ]
        assert messages[-1]["total_sentences"] == 2

    def test_a_connection_carries_many_utterances(self, socket: ClientConnection) -> None:
        send(socket, STREAM, text("One."), DONE)
        english = until_done(socket)
        send(socket, text("One."), DONE)
        again = until_done(socket)
        send(socket, {**STREAM, "voice": "fr-fr"}, text("One."), DONE, DONE)
        french, empty = until_done(socket), until_done(socket)
        assert [m[-1]["utterance_index"] for m in (english, again, french, empty)] == [0, 1, 2, 3]
        assert audio(english) == audio(again), "the config stays until it is replaced"
        assert audio(french) != audio(again)
        assert (kinds(empty), empty[-1]["total_sentences"]) == (["session.done"], 0)


class TestRefusals:
    @pytest.mark.parametrize(
        ("message", "says"),
        [
            (text("Hello."), "session.config"),
            ({"type": "session.config", "voice": "en-uss"}, "en-us"),
            ({"type": "session.config", "speed": 9}, "speed"),
            ({"type": "session.config", "stream_audio": True}, "pcm"),
            ({"type": "session.config", "word_timestamps": True}, "word_timestamps"),
            ({"type": "session.config", "model": "other"}, "espeak-ng"),
            ([], "object"),
        ],
    )
    def test_a_session_without_a_good_config_is_closed(
        self, socket: ClientConnection, message: dict[str, Any], says: str
    ) -> None:
        send(socket, message)
        error = receive(socket)
        assert error["type"] == "error"
        assert says in error["message"]
        assert closed(socket) == (1008, error["message"])

    def test_a_reason_too_long_for_a_close_frame_is_cut(self, socket: ClientConnection) -> None:
        send(socket, {"type": "session.config", "voice": "é" * 80})
        message = receive(socket)["message"]
        code, reason = closed(socket)
        assert code == 1008
        assert reason
        assert message.startswith(reason), "with no close frame the client cannot tell why"

    @pytest.mark.parametrize(
        ("message", "says"),
        [
            ("{", "JSON"),
            (b"\x00", "JSON"),
            ('{"type": "speak"}', "input.text"),
            ('{"type": "input.text", "text": 5}', "string"),
            ('{"type": "session.config", "voice": "nobody"}', "no voice"),
            (json.dumps(text("x" * 4097)), "4096"),
        ],
    )
    def test_a_later_mistake_costs_only_itself(
        self, socket: ClientConnection, message: str | bytes, says: str
    ) -> None:
        send(socket, STREAM)
        socket.send(message)
        error = receive(socket)
        assert error["type"] == "error"
        assert says in error["message"]
        send(socket, DONE)
        assert receive(socket)["type"] == "session.done"
        send(socket, text("Hello."), DONE)
        assert kinds(until_done(socket)) == ["audio.start", "audio", "audio.done", "session.done"]

    def test_the_config_of_an_open_utterance_stands(self, socket: ClientConnection) -> None:
        send(socket, STREAM, text("Hello"), {**STREAM, "voice": "fr-fr"})
        assert "input.done" in receive(socket)["message"], "buffered text would be lost, or change its voice"

    def test_text_that_has_nothing_to_speak_is_an_error_and_not_the_end(
        self, socket: ClientConnection
    ) -> None:
        send(socket, STREAM, text("\x01"), DONE)
        assert kinds(until_done(socket)) == ["audio.start", "error", "audio.done", "session.done"]


class TestEnds:
    def test_session_close_is_a_normal_end(self, socket: ClientConnection) -> None:
        send(socket, STREAM, {"type": "session.close"})
        assert closed(socket)[0] == 1000

    def test_silence_before_the_config_is_an_error(self, socket: ClientConnection) -> None:
        assert closed(socket) == (1008, "Timeout waiting for session.config")

    def test_silence_after_it_is_an_idle_end(self, socket: ClientConnection) -> None:
        send(socket, STREAM)
        assert closed(socket) == (1000, "Idle timeout: no message received")

    def test_more_unread_text_than_can_be_kept(self, socket: ClientConnection) -> None:
        send(socket, {**STREAM, "speed": 0.5}, text(ENDLESS), DONE)
        for _ in range(18):
            send(socket, text("x" * 60_000))
        assert closed(socket)[0] == 1009, "a client could fill the memory while its first sentence is spoken"

    def test_a_client_that_leaves_ends_the_synthesis(self, server: Running) -> None:
        with server.socket() as socket:
            send(socket, {**STREAM, "speed": 0.5}, text(ENDLESS), DONE, DONE)
            receive(socket)
            receive(socket)
            assert server.synthesising() == 1
        assert eventually(lambda: server.synthesising() == 0), "it would go on for nobody"
