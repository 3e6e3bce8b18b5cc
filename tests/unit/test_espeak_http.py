"""The local engine over HTTP: the real server process around the real espeak-ng."""

import asyncio
import io
import json
import os
import re
import struct
import sys
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "local" / "espeak"))

from espeak_server import process
from espeak_testing import (
    ENDLESS,
    SENTENCE,
    Running,
    eventually,
    launched,
    need_espeak,
    running,
    synthesising,
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("espeak")) as started:
        yield started


@pytest.fixture(scope="module")
def cramped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One synthesis at a time, one in the queue, little patience, and an outputs volume that is not there."""
    settings = {"MAX_STREAMS": "1", "MAX_QUEUE": "1", "STALL_SECONDS": "1", "OUTPUTS_DIR": "/nowhere"}
    with running(tmp_path_factory.mktemp("cramped"), MAX_AUDIO_SECONDS="600", **settings) as started:
        yield started


def samples(wav_file: bytes) -> bytes:
    with wave.open(io.BytesIO(wav_file)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 22050)
        pcm: bytes = file.readframes(file.getnframes())
    sizes = struct.unpack("<I", wav_file[4:8]), struct.unpack("<I", wav_file[40:44])
    assert sizes == ((len(wav_file) - 8,), (len(pcm),)), "the header's sizes and the file's differ"
    return pcm


def test_health_is_503_until_the_voices_are_loaded(tmp_path: Path) -> None:
    with launched(tmp_path) as server:
        early, speech = server.health(), server.speak("Too early.")
        assert (early.status_code, early.json()["status"]) == (503, "loading"), "traffic would come too early"
        assert speech.status_code == 503
        assert eventually(lambda: server.health().status_code == 200, 30)
        assert server.health().json()["voices"] > 50


def test_an_ordinary_sentence_is_not_made_before_it_is_listened_to() -> None:
    need_espeak()

    async def scenario() -> int:
        async with aclosing(process.pcm(SENTENCE, "en-us", 1.0, stall_seconds=5)) as pieces:
            await anext(pieces)
            await asyncio.sleep(0.1)
            made = synthesising(os.getpid())
        await asyncio.sleep(0.2)  # for the event loop to see the killed process end
        return made

    assert asyncio.run(scenario()) == 1, "the whole sentence was made before its first chunk was sent"


class TestAudio:
    def test_a_wav_is_whole_and_of_the_right_length(self, server: Running) -> None:
        answer = server.speak(SENTENCE)
        pcm = samples(answer.content)
        assert answer.headers["content-type"] == "audio/wav"
        assert int(answer.headers["content-length"]) == len(answer.content)
        assert 4 < len(pcm) / 44100 < 9, "these eighteen words take about six seconds"
        assert max(abs(value) for (value,) in struct.iter_unpack("<h", pcm)) > 3000, "silence is no speech"

    def test_a_stream_comes_in_pieces_and_is_the_same_audio(self, server: Running) -> None:
        with server.listen(SENTENCE) as answer:
            pieces = list(answer.iter_raw())
        body = b"".join(pieces)
        assert "content-length" not in answer.headers
        assert len(pieces) > 3, "a listener would wait for all of it"
        assert struct.unpack("<I", body[40:44]) == (0xFFFFFFFF,), "a made-up length would cut a player off"
        assert body[44:] == samples(server.speak(SENTENCE).content)

    def test_the_first_piece_comes_before_the_synthesis_has_ended(self, server: Running) -> None:
        with server.listen(ENDLESS, speed=0.5) as answer:
            pieces = answer.iter_raw()
            assert next(pieces)
            assert server.synthesising() == 1, "all of it was made before any of it was sent"

    def test_pcm_is_the_samples_alone(self, server: Running) -> None:
        answer = server.speak(SENTENCE, response_format="pcm")
        assert (answer.headers["content-type"], answer.headers["x-sample-rate"]) == ("audio/pcm", "22050")
        assert answer.content == samples(server.speak(SENTENCE).content)

    def test_speed_is_heard(self, server: Running) -> None:
        lengths = [len(server.speak(SENTENCE, speed=speed).content) for speed in (0.5, 1, 2, 4)]
        assert lengths == sorted(lengths, reverse=True)
        assert 1.7 < lengths[1] / lengths[2] < 2.3

    def test_a_voice_is_heard(self, server: Running) -> None:
        assert (
            server.speak("Bonjour", voice="fr-fr").content != server.speak("Bonjour", voice="en-us").content
        )
        assert server.speak("Bonjour", voice={"id": "fr-fr"}).status_code == 200

    def test_all_voices_that_are_listed_are_taken(self, server: Running) -> None:
        listed = server.client.get("/v1/audio/voices").json()
        assert listed["default"] in listed["voices"]
        for name in listed["voices"][::16]:
            assert server.speak("1", voice=name).status_code == 200, name

    @pytest.mark.parametrize("text", ["--version", "-w {}", "-f /etc/hostname"])
    def test_text_is_never_an_option(self, server: Running, text: str, tmp_path: Path) -> None:
        file = tmp_path / "never.wav"
        assert len(samples(server.speak(text.format(file)).content)) > 20000, "obeyed instead of spoken"
        assert not file.exists()

    def test_text_is_never_a_command(self, server: Running) -> None:
        assert server.speak("\x01 99P hello").content == server.speak("99P hello").content
        marked_up = server.speak("<speak>hello</speak>").content
        assert len(marked_up) > 2 * len(server.speak("hello").content), "SSML was interpreted"

    def test_fields_of_other_engines_are_let_be(self, server: Running) -> None:
        fields = {"instructions": "whisper", "language": "English", "model": "espeak-ng", "speed": None}
        assert server.speak("Hello.", **fields).status_code == 200


class TestRefusals:
    @pytest.mark.parametrize(
        ("fields", "status", "param", "says"),
        [
            ({"input": ""}, 400, "input", "nothing to speak"),
            ({"input": " \n\x01"}, 400, "input", "nothing to speak"),
            ({"input": None}, 400, "input", "string"),
            ({"input": "x" * 4097}, 400, "input", "4096"),
            ({"voice": "en-uss"}, 400, "voice", "en-us"),
            ({"voice": "../../etc/passwd"}, 400, "voice", "There is no voice"),
            ({"voice": ""}, 400, "voice", "There is no voice"),
            ({"response_format": "mp3"}, 400, "response_format", "'wav' or 'pcm'"),
            ({"speed": 0.2}, 400, "speed", "0.25"),
            ({"speed": 4.1}, 400, "speed", "4"),
            ({"stream_format": "sse"}, 400, None, "sse"),
            ({"model": "tts-1"}, 404, "model", "espeak-ng"),
        ],
    )
    def test_a_wrong_field(
        self, server: Running, fields: dict[str, Any], status: int, param: str | None, says: str
    ) -> None:
        answer = server.client.post("/v1/audio/speech", json={"input": "Hello.", **fields})
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["param"]) == (status, status, param)
        assert says in error["message"]

    def test_all_problems_are_named_at_once(self, server: Running) -> None:
        message = server.speak("Hello.", speed=9, response_format="mp3").json()["error"]["message"]
        assert "speed" in message
        assert "response_format" in message

    @pytest.mark.parametrize(
        ("method", "path", "content", "content_type", "status"),
        [
            ("POST", "/v1/audio/speech", b"{", "application/json", 400),
            ("POST", "/v1/audio/speech", b"[]", "application/json", 400),
            ("POST", "/v1/audio/speech", b'{"input": "\xff"}', "application/json", 400),
            ("POST", "/v1/audio/speech", b"input=Hello", "application/x-www-form-urlencoded", 415),
            ("POST", "/v1/audio/speech", b" " * 200_000, "application/json", 413),
            ("GET", "/v1/audio/speech", b"", "", 405),
            ("GET", "/v1/nothing", b"", "", 404),
        ],
    )
    def test_a_wrong_request(
        self, server: Running, method: str, path: str, content: bytes, content_type: str, status: int
    ) -> None:
        headers = {"content-type": content_type}
        answer = server.client.request(method, path, content=content, headers=headers)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (status, status)
        assert error["message"]
        assert error["type"]


class TestOutputs:
    def test_each_utterance_is_kept(self, server: Running) -> None:
        before = set(server.outputs.iterdir())
        whole = server.speak("Keep this.")
        (kept,) = set(server.outputs.iterdir()) - before
        assert kept.suffix == ".wav"
        assert kept.read_bytes() == whole.content
        with server.listen("Keep this.") as answer:
            answer.read()
        newest = max(server.outputs.iterdir(), key=lambda path: path.name)
        assert newest.read_bytes() == whole.content, "a streamed one is kept with its real length"

    def test_a_lost_volume_silences_nobody(self, cramped: Running) -> None:
        assert samples(cramped.speak("Hello.").content)
        health = cramped.health()
        assert health.status_code == 200, "a restart would not mend the volume"
        assert health.json()["outputs"] == "No such file or directory"

    def test_a_lost_volume_is_noticed_before_the_first_utterance(self, cramped: Running) -> None:
        events = [json.loads(line)["event"] for line in cramped.log().splitlines()]
        assert events.index("utterances are not kept") < events.index("ready")


class TestLimits:
    def test_a_listener_who_leaves_ends_the_synthesis(self, server: Running) -> None:
        with server.listen(ENDLESS, speed=0.5) as answer:
            pieces = answer.iter_raw()
            next(pieces)
            assert server.synthesising() == 1
        assert eventually(lambda: server.synthesising() == 0), "it would go on for nobody"

    def test_a_full_queue_refuses_and_a_stalled_client_loses_its_turn(self, cramped: Running) -> None:
        with cramped.listen(ENDLESS, speed=0.5) as holding, ThreadPoolExecutor() as pool:
            pieces = holding.iter_raw()
            next(pieces)
            two = [pool.submit(cramped.speak, "Hello.") for _ in range(2)]
            codes = sorted(answer.result().status_code for answer in two)
        assert codes == [200, 503], "one waits for the turn that the stalled client loses; one finds no room"

    def test_endless_audio_is_cut_off(self, cramped: Running) -> None:
        answer = cramped.speak("999999999 " * 400, speed=0.5)
        assert answer.status_code == 400
        assert "600 s" in answer.json()["error"]["message"], "one request could take all the memory"


def test_no_log_line_holds_the_text(server: Running) -> None:
    server.speak("Xylophone secret.")
    server.speak("Xylophone secret.", voice="nobody")
    server.client.post("/v1/audio/speech", json={"input": ["Xylophone secret."]})
    server.health()
    assert server.events("utterance")[-1]["chars"] == 17
    assert "ylophone" not in server.log(), "what people say is theirs"
    assert "/health" not in server.log(), "probes would drown the rest"


def test_the_page_needs_nothing_but_this_server(server: Running) -> None:
    answer = server.client.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert policy.count("'sha256-") == 2, "the page's own script and style"
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", answer.text)
