"""Speaks a sentence through the front door, as a client anywhere would."""

from __future__ import annotations

import io
import ssl
import wave
from base64 import b64decode
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from ops.errors import OpsError

SENTENCE = "Hello from your own text to speech service."
FIRST_ANSWER = 120
"""Seconds that the edge may take to serve a route that Kubernetes already calls ready."""


@dataclass(frozen=True)
class Spoken:
    """What the service said."""

    wav: bytes
    seconds: float
    """Length of the audio."""


def authority(kubeconfig: str, context: str | None, secret: str) -> str:
    """The in-cluster authority's certificate (PEM), read from the `namespace/name` of its secret."""
    namespace, name = secret.split("/")
    core = client.CoreV1Api(config.new_client_from_config(config_file=kubeconfig, context=context))
    try:
        data = core.read_namespaced_secret(name, namespace, _request_timeout=10).data
    except ApiException as error:
        raise OpsError(
            f"The authority's certificate cannot be read from secret {secret}: {error.reason}."
        ) from None
    # In a self-signed authority's secret ca.crt is the certificate itself.
    return b64decode(data["ca.crt"]).decode()


def speak(url: str, ca: str | None, sentence: str = SENTENCE) -> Spoken:
    """Posts a sentence to the service and returns a WAV file; `ca` is trusted beside nothing else, if given."""
    context = ssl.create_default_context(cadata=ca)
    target = urlsplit(url)
    host = target.hostname or ""
    request: dict[str, Any] = {"json": {"input": sentence}, "headers": {"Host": target.netloc}}
    address = url
    if host.endswith(".localhost"):
        # RFC 6761 puts these names on the loopback; Python's resolver does not know that everywhere.
        address = url.replace(host, "127.0.0.1", 1)
        request["extensions"] = {"sni_hostname": host}
    retrying = Retrying(
        retry=retry_if_exception_type(httpx.HTTPError),
        wait=wait_fixed(1),
        stop=stop_after_delay(FIRST_ANSWER),
        reraise=True,
    )
    with httpx.Client(verify=context, timeout=60) as session:

        def post() -> httpx.Response:
            return session.post(f"{address.rstrip('/')}/v1/audio/speech", **request).raise_for_status()

        try:
            answer = retrying(post)
        except httpx.HTTPError as error:
            raise OpsError(f"{url} does not speak after {FIRST_ANSWER} s: {error}") from None
    with wave.open(io.BytesIO(answer.content)) as audio:
        # A streamed file cannot know its length when its header is sent: count what came.
        frames = (len(answer.content) - 44) // (audio.getsampwidth() * audio.getnchannels())
        return Spoken(answer.content, frames / audio.getframerate())
