"""The pieces of the local engine that need no espeak-ng."""

import asyncio
import errno
import io
import os
import sys
import wave
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "local" / "espeak"))

from espeak_server import wav
from espeak_server.app import Service
from espeak_server.drain import Drain
from espeak_server.errors import SpeechError
from espeak_server.outputs import Outputs
from espeak_server.process import plain
from espeak_server.server import Server
from espeak_server.settings import Settings
from espeak_server.splitter import Splitter
from espeak_server.voices import Voice, choose


class TestSplitter:
    def test_a_unit_waits_for_the_space_after_its_mark(self) -> None:
        splitter = Splitter("sentence")
        assert splitter.feed("Pi is 3.") == [], "the rest of 3.14 may still come"
        assert splitter.feed("14. And") == ["Pi is 3.14."]
        assert splitter.flush() == ["And"]

    def test_other_scripts_need_no_space(self) -> None:
        assert Splitter("sentence").feed("你好。再见。") == ["你好。", "再见。"], (
            "Chinese has no space to wait for"
        )

    def test_a_closing_quotation_mark_stays_with_its_sentence(self) -> None:
        assert Splitter("sentence").feed('"Stop!" he said. ') == ['"Stop!"', "he said."]

    def test_clauses_end_at_commas_and_not_inside_numbers(self) -> None:
        assert Splitter("clause").feed("First 1,000, then more. ") == ["First 1,000,", "then more."]

    def test_none_keeps_all_until_the_flush(self) -> None:
        splitter = Splitter("none")
        assert splitter.feed("One. Two. ") == []
        assert splitter.flush() == ["One. Two."], "one request keeps one intonation"
        assert splitter.flush() == []


class TestPlain:
    @pytest.mark.parametrize("text", ["[[h@'loU]]", "[[[h@]]]", "[\x01[h@'loU]]", "a[[b"])
    def test_no_phoneme_brackets_are_left(self, text: str) -> None:
        assert "[[" not in plain(text), "espeak-ng would read phonemes, not the text"

    def test_no_control_characters_are_left(self) -> None:
        assert plain("a\x01 90Pb\x00c\x7f\x9b") == "a  90Pb c", "\\x01 starts a command to espeak-ng"

    def test_ordinary_text_is_left_alone(self) -> None:
        text = "Array [1], ça va?\n你好 <b>"
        assert plain(text) == text


def test_a_wav_header_is_one_that_others_can_read() -> None:
    with wave.open(io.BytesIO(wav.header(200) + bytes(200))) as file:
        shape = (file.getnchannels(), file.getsampwidth(), file.getframerate(), file.getnframes())
    assert shape == (1, 2, 22050, 100)
    assert wav.header(200)[4:8] == (236).to_bytes(4, "little"), (
        "the RIFF size counts all but its first 8 bytes"
    )


VOICES = {name: Voice(name=name, label=name) for name in ("en-us", "en-gb", "fr-fr")}


class TestVoices:
    def test_a_near_miss_names_the_voice_meant(self) -> None:
        with pytest.raises(SpeechError, match="en-us") as refusal:
            choose(VOICES, "en_us")
        assert (refusal.value.status, refusal.value.param) == (400, "voice")

    def test_case_does_not_matter(self) -> None:
        assert choose(VOICES, "en-US").name == "en-us", "people write language tags both ways"


class TestOutputs:
    def test_a_full_volume_leaves_no_half_file_and_is_told(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(_: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        outputs = Outputs(tmp_path)
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", full)
            assert asyncio.run(outputs.save(b"ab", "x")) is None, "an utterance must not fail with its file"
        assert outputs.state == "No space left on device"
        assert list(tmp_path.iterdir()) == [], "a half file takes room on a full volume"
        assert asyncio.run(outputs.save(b"ab", "x"))
        assert outputs.state == "ok", "the volume has room again"

    def test_names_sort_by_time(self, tmp_path: Path) -> None:
        outputs = Outputs(tmp_path)
        names = [asyncio.run(outputs.save(b"ab", identity)) for identity in ("f", "a", "c")]
        assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_an_idle_connection_outlives_envoys_patience() -> None:
    settings = Settings()
    kept = Server(settings, Service(settings)).config.timeout_keep_alive
    assert kept > 3600, "Envoy would send a request into a connection that the server is closing"


def test_draining_waits_for_what_is_in_flight_and_no_longer() -> None:
    async def scenario() -> tuple[int, int]:
        drain = Drain()
        with drain.track():
            cut_short = await drain.wait(0.01)
        async with asyncio.timeout(1):
            return cut_short, await drain.wait(60)

    assert asyncio.run(scenario()) == (1, 0)


def test_a_listener_that_comes_late_is_told_too() -> None:
    drain = Drain()
    drain.begin()
    told: list[bool] = []
    with drain.listener(lambda: told.append(True)):
        assert told, "a WebSocket accepted while draining begins would never be closed"
