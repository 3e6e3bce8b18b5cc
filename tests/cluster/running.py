"""The running cluster as the tests see it: its API, its pods, and the stack that is deployed on it."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import httpx
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.stream import stream
from tenacity import (
    RetryError,
    Retrying,
    retry_if_exception_type,
    retry_if_not_result,
    stop_after_delay,
    wait_fixed,
)
from urllib3.exceptions import HTTPError

from local.cluster.layout import NODES, Cluster

NAMESPACE = "tts"
EDGE_NAMESPACE = "projectcontour"
SPEECH = "app.kubernetes.io/name=speech"

T = TypeVar("T")

_ADMIN = """
import http.client, socket, sys
admin = http.client.HTTPConnection("admin")
admin.sock = socket.socket(socket.AF_UNIX)
admin.sock.connect("/admin/admin.sock")
admin.request("GET", sys.argv[1])
print(admin.getresponse().read().decode())
"""

_AWAY = (ApiException, HTTPError, httpx.HTTPError, OSError)
"""What the API and the front door answer, or do not, while they are away."""


def eventually(what: Callable[[], T], seconds: float, why: str) -> T:
    """The first true answer; fails with `why` where none comes in time. The API and the door may be away meanwhile."""
    retrying = Retrying(
        retry=retry_if_not_result(bool) | retry_if_exception_type(_AWAY),
        wait=wait_fixed(0.2),
        stop=stop_after_delay(seconds),
    )
    try:
        return retrying(what)
    except RetryError as error:
        attempt = error.last_attempt
        last = repr(attempt.exception() if attempt.failed else attempt.result())[:500]
        raise AssertionError(f"{why}: not within {seconds:.0f} s (last: {last})") from None


@dataclass(frozen=True)
class Running:
    """A cluster that runs."""

    cluster: Cluster

    @cached_property
    def api(self) -> client.ApiClient:
        return config.new_client_from_config(config_file=str(self.cluster.kubeconfig))

    @cached_property
    def core(self) -> client.CoreV1Api:
        return client.CoreV1Api(self.api)

    @cached_property
    def apps(self) -> client.AppsV1Api:
        return client.AppsV1Api(self.api)

    @cached_property
    def coordination(self) -> client.CoordinationV1Api:
        return client.CoordinationV1Api(self.api)

    @cached_property
    def networking(self) -> client.NetworkingV1Api:
        return client.NetworkingV1Api(self.api)

    def pods(self, namespace: str, selector: str) -> list[Any]:
        """Pods that are not on their way out."""
        return [pod for pod in self.all_pods(namespace, selector) if pod.metadata.deletion_timestamp is None]

    def all_pods(self, namespace: str, selector: str) -> list[Any]:
        """Pods that have not ended. Kubernetes keeps those that a node refused as a record, and replaces them."""
        listed = self.core.list_namespaced_pod(namespace, label_selector=selector, _request_timeout=10)
        return [pod for pod in listed.items if pod.status.phase not in {"Failed", "Succeeded"}]

    def ready_pods(self, namespace: str, selector: str) -> list[Any]:
        return [pod for pod in self.pods(namespace, selector) if is_ready(pod)]

    def nodes_alive(self, since: datetime) -> bool:
        """Whether every node is ready and its kubelet has said so after that moment; conditions alone outlive it."""
        nodes = self.core.list_node(_request_timeout=10).items
        leases = self.coordination.list_namespaced_lease("kube-node-lease", _request_timeout=10).items
        renewed = {lease.metadata.name for lease in leases if lease.spec.renew_time > since}
        return renewed == set(NODES) and all(map(is_ready, nodes))

    def speech_pod(self) -> Any:
        """The ready pod that speaks."""
        return eventually(
            lambda: self.ready_pods(NAMESPACE, SPEECH), 60, "there is a ready speech pod to look at"
        )[0]

    def envoy_pod(self) -> Any:
        return eventually(lambda: self.ready_pods(EDGE_NAMESPACE, "app=envoy"), 60, "there is a ready Envoy")[
            0
        ]

    def envoy_says(self, path: str) -> Any:
        """What Envoy's admin interface answers, of JSON: /config_dump, /stats?format=json."""
        return json.loads(self.python(self.envoy_pod(), "envoy", _ADMIN, path))

    def python(self, pod: Any, container: str, program: str, *arguments: str) -> str:
        """What a Python program prints inside a container."""
        # A client of its own: the stream helper swaps the client's request method while it runs.
        api = client.CoreV1Api(config.new_client_from_config(config_file=str(self.cluster.kubeconfig)))
        command = ["python3", "-c", program, *arguments]
        connection = stream(
            api.connect_get_namespaced_pod_exec,
            pod.metadata.name,
            pod.metadata.namespace,
            container=container,
            command=command,
            stdout=True,
            stderr=True,
            stdin=False,
            tty=False,
            # Otherwise the client takes what looks like JSON for its own answer, and hands out its text anew.
            _preload_content=False,
        )
        connection.run_forever(timeout=60)
        answer: str = connection.read_all()
        return answer.strip()


def is_ready(pod_or_node: Any) -> bool:
    return any(c.type == "Ready" and c.status == "True" for c in pod_or_node.status.conditions or [])


def restarts(pods: list[Any]) -> dict[str, int]:
    """By pod, how often its containers were started again."""
    return {
        pod.metadata.name: sum(c.restart_count for c in pod.status.container_statuses or []) for pod in pods
    }


@dataclass
class Measured:
    """Named figures. No test passes or fails by them."""

    file: Path | None
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    def record(self, name: str, seconds: float) -> None:
        self.seconds[name] = round(seconds, 2)

    def timed(self, name: str, what: Callable[[], T]) -> T:
        """Does it and records how long it took."""
        started = time.monotonic()
        answer = what()
        self.record(name, time.monotonic() - started)
        return answer
