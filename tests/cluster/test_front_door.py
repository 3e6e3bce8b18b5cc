"""Speech over HTTPS, as a client outside of the cluster gets it."""

import contextlib
import shlex
import socket
import ssl
import subprocess
import time
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from local.cluster.layout import Cluster
from ops import __main__ as commands
from tests.cluster.deployed import Deployed
from tests.cluster.door import DOMAIN, ENDLESS, SENTENCE, Door, frames, seconds
from tests.cluster.running import Measured, Running

OUTPUTS = "import os; print(sum(name.endswith('.wav') for name in os.listdir('/outputs')))"


class TestCertificate:
    def test_the_in_cluster_authority_vouches_for_it(self, door: Door) -> None:
        with door.tls(door.trust()) as connection:
            certificate = connection.getpeercert(binary_form=True)
        assert certificate is not None
        names = x509.load_der_x509_certificate(certificate).extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
        assert names.value.get_values_for_type(x509.DNSName) == [DOMAIN], (
            "a browser compares the name it opened"
        )

    def test_nobody_else_does(self, door: Door) -> None:
        with pytest.raises(ssl.SSLCertVerificationError) as refused:
            door.tls(ssl.create_default_context())
        assert refused.value.verify_code in (18, 19, 20, 21), (
            "a world that trusts it already would prove nothing"
        )

    def test_another_name_gets_none(self, door: Door) -> None:
        plain = socket.create_connection((door.address, door.port), 10)
        # Envoy hangs up on a name that no route has.
        with plain, pytest.raises((ssl.SSLError, ConnectionError)):
            door.trust().wrap_socket(plain, server_hostname="another.localhost")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
class TestProtocol:
    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
    def test_present_tls_is_spoken(self, door: Door, version: ssl.TLSVersion) -> None:
        with door.tls(_only(door.trust(), version)) as connection:
            spoken = connection.version()
        assert spoken == version.name.replace("_", "."), "the refusal of 1.1 would prove nothing"

    def test_tls_1_1_is_refused(self, door: Door) -> None:
        with pytest.raises(ssl.SSLError) as refused:
            door.tls(_only(door.trust(), ssl.TLSVersion.TLSv1_1))
        # An alert is the server's word. Without one it was this machine's own library that did not want to.
        assert "ALERT_PROTOCOL_VERSION" in str(refused.value), (
            "old TLS can be broken, and auditors look for it"
        )

    def test_plain_http_is_sent_to_https(self, door: Door) -> None:
        answer = httpx.get(
            f"http://{door.address}/v1/audio/speech", headers={"Host": DOMAIN}, trust_env=False
        )
        assert answer.status_code == 301, (
            "a person who types the name without https has to arrive all the same"
        )
        assert answer.headers["location"] == f"https://{DOMAIN}/v1/audio/speech"


class TestAudio:
    def test_it_is_a_wav_of_the_right_length(self, door: Door, measured: Measured) -> None:
        with door.client() as voice:
            short, long = (frames(voice.say(text).read()) for text in ("Hello.", " ".join([SENTENCE] * 4)))
            one = measured.timed("one sentence over HTTPS", lambda: frames(voice.say(SENTENCE).read()))
        assert 1.5 < seconds(one) < 6, f"nine words take a voice three seconds, not {seconds(one):.1f}"
        assert seconds(short) < seconds(one) / 2, "one word takes less than nine"
        assert 3 < seconds(long) / seconds(one) < 5, (
            "four sentences last four times as long as one: nothing is cut"
        )

    def test_it_can_be_heard(self, door: Door) -> None:
        with door.client() as voice:
            samples = memoryview(frames(voice.say(SENTENCE).read())).cast("h")
        loud = sum(abs(sample) > 1000 for sample in samples) / len(samples)
        assert loud > 0.2, "a silent file of the right length is not speech"

    def test_it_is_streamed_while_it_is_made(self, door: Door, running: Running, measured: Measured) -> None:
        pod = running.speech_pod()
        before = int(running.python(pod, "speech", OUTPUTS))
        started = time.monotonic()
        with door.client() as voice, voice.listen(ENDLESS, speed=0.5) as answer:
            pieces = answer.iter_raw()
            first = next(pieces)
            measured.record("first audio of a stream over HTTPS", time.monotonic() - started)
            meanwhile = int(running.python(pod, "speech", OUTPUTS))
            rest = sum(map(len, pieces))
        assert meanwhile == before, "the server had made all of it before the client heard a word"
        assert len(first) + rest > 15_000_000, "the stream ended early"
        assert int(running.python(pod, "speech", OUTPUTS)) == before + 1, "an utterance that is whole is kept"

    def test_a_mistake_gets_the_services_own_answer(self, door: Door) -> None:
        with door.client() as voice:
            answer = voice.say("")
        assert answer.status_code == 400, "the edge hands the engine's status on"
        assert answer.json()["error"]["param"] == "input", (
            "and the engine's words: the caller needs them to mend it"
        )


class TestForwardedPort:
    def test_a_browser_on_this_machine_gets_the_page(self, forwarded_door: Door) -> None:
        with forwarded_door.client() as voice:
            page = voice.get("/")
        assert page.status_code == 200
        assert "<html" in page.text.lower(), "the printed URL is opened in a browser"

    def test_the_printed_curl_line_works(
        self,
        forwarded_door: Door,
        deployed: Deployed,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        commands._say_how_to_use(deployed.outputs(), forwarded_door.ca, tmp_path / "hello.wav", 1.0)
        line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("curl "))
        run = subprocess.run(shlex.split(line), cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert run.returncode == 0, f"a person copies the line as it stands: {line}\n{run.stderr}"
        assert seconds(frames((tmp_path / "speech.wav").read_bytes())) > 1

    def test_it_is_open_to_this_machine_only(self, forwarded_door: Door, cluster: Cluster) -> None:
        with contextlib.suppress(OSError):
            socket.create_connection((str(cluster.host_address), forwarded_door.port), 2).close()
            pytest.fail("whoever is on the same network could use a laptop's service")


def _only(context: ssl.SSLContext, version: ssl.TLSVersion) -> ssl.SSLContext:
    """The same, speaking that version alone. Debian's OpenSSL offers the old ones at security level 0 only."""
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = version
    return context
