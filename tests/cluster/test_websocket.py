"""Speech over a WebSocket, through Envoy."""

import time

from tests.cluster.door import SENTENCE, Door, configure, receive, seconds, send, speak
from tests.cluster.running import Measured


def test_a_sentence_comes_in_more_than_one_chunk(door: Door, measured: Measured) -> None:
    with door.websocket() as websocket:
        configure(websocket)
        started = time.monotonic()
        send(websocket, "input.text", text=SENTENCE)
        send(websocket, "input.done")
        assert receive(websocket, "audio.start"), "the client learns the format before the first sample"
        first = websocket.recv(timeout=30)
        measured.record("first audio over a WebSocket", time.monotonic() - started)
        rest = receive(websocket, "audio.done")
    chunks = [message for message in [first, *rest] if isinstance(message, bytes)]
    assert isinstance(first, bytes), "audio comes before the word that the sentence is done"
    assert len(chunks) > 1, "a sentence that comes in one piece was not streamed"
    assert seconds(b"".join(chunks)) > 1.5, "the chunks are the sentence"


def test_a_sentence_is_spoken_before_the_text_has_ended(door: Door) -> None:
    with door.websocket() as websocket:
        configure(websocket, split_granularity="sentence")
        send(websocket, "input.text", text=f"{SENTENCE} And")
        first = receive(websocket, "audio.done")
        send(websocket, "input.text", text=" this is the rest.")
        send(websocket, "input.done")
        second = receive(websocket, "session.done")
    # A language model writes while the person listens already.
    assert any(isinstance(message, bytes) for message in first), "nothing was heard before the text was whole"
    assert any(isinstance(message, bytes) for message in second), "the rest was not spoken"


def test_a_connection_serves_several_utterances(door: Door) -> None:
    with door.websocket() as websocket:
        configure(websocket)
        lengths = [seconds(b"".join(speak(websocket, text))) for text in ("Hello.", SENTENCE, "Hello.")]
    assert lengths[0] == lengths[2] < lengths[1], "each utterance is answered by its own audio"


def test_an_idle_connection_stays_open(door: Door) -> None:
    with door.websocket() as websocket:
        configure(websocket)
        speak(websocket, "Hello.")
        time.sleep(8)
        assert speak(websocket, SENTENCE), "a pause for thought is no reason to hang up"


def test_a_websocket_through_the_forwarded_port(forwarded_door: Door) -> None:
    with forwarded_door.websocket() as websocket:
        configure(websocket)
        assert speak(websocket, SENTENCE), "the page in the browser speaks this way"
