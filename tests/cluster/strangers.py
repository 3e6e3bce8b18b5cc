"""Pods that are none of the service's: they try its doors, and listen for what leaves it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from kubernetes.client.exceptions import ApiException

from components.hardening import SECCOMP
from components.nodes import GPU_TOLERATIONS
from local.cluster.layout import NODE_POOL_LABEL
from tests.cluster.running import NAMESPACE, Running, eventually, is_ready

ELSEWHERE = "strangers"
IMAGE = "localhost/tts-platform/debian:12.0.0"
LISTENS = 8080
LABEL = "tts-platform/stranger"

OPEN = "open"
NO_ANSWER = "no answer"
"""What a NetworkPolicy's refusal looks like: the packet is dropped. A port on which nobody listens answers at once."""
NOBODY_LISTENS = "nobody listens"

_CONNECT = """
import socket, sys
from concurrent.futures import ThreadPoolExecutor
def connect(target):
    host, port = target.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), 3).close()
        return "open"
    except TimeoutError:
        return "no answer"
    except ConnectionRefusedError:
        return "nobody listens"
    except OSError as error:
        return str(error.strerror or error)
with ThreadPoolExecutor(16) as pool:
    print(*pool.map(connect, sys.argv[1:]), sep="\\n")
"""


def connect(running: Running, pod: Any, container: str, *targets: str) -> dict[str, str]:
    """What a TCP connection from inside a container to each `host:port` meets."""
    answers = running.python(pod, container, _CONNECT, *targets).splitlines()
    return dict(zip(targets, answers, strict=True))


@dataclass(frozen=True)
class Stranger:
    """A running pod with Python in it, that listens on a port of its own."""

    running: Running
    pod: Any

    @property
    def address(self) -> str:
        return f"{self.pod.status.pod_ip}:{LISTENS}"

    def connect(self, *targets: str) -> dict[str, str]:
        return connect(self.running, self.pod, "stranger", *targets)


@contextmanager
def strangers(running: Running) -> Iterator[dict[str, Stranger]]:
    """One on each node in a namespace without policies, and one beside the speech pod, in its own namespace."""
    _remove(running)
    running.core.create_namespace({"metadata": {"name": ELSEWHERE}})
    # The neighbour is under the namespace's own deny-all. It may leave, so that what refuses it is the speech pod's.
    leave = _policy("neighbour-may-leave", {LABEL: "true"}, egress=[{}])
    running.networking.create_namespaced_network_policy(NAMESPACE, leave)
    wanted = {"edge": (ELSEWHERE, "edge"), "gpu": (ELSEWHERE, "gpu"), "neighbour": (NAMESPACE, "gpu")}
    for name, (namespace, node) in wanted.items():
        running.core.create_namespaced_pod(namespace, stranger(name, node))
    try:
        found = {}
        for name, (namespace, _) in wanted.items():
            pod = eventually(partial(_ready, running, namespace, name), 60, f"the stranger {name} runs")
            found[name] = Stranger(running, pod)
        yield found
    finally:
        _remove(running)


@contextmanager
def no_policies(running: Running) -> Iterator[None]:
    """Everything is allowed, in and out. Policies add up: this needs none of ours to be touched."""
    running.networking.create_namespaced_network_policy(
        NAMESPACE, _policy("allow-all", {}, ingress=[{}], egress=[{}])
    )
    try:
        yield
    finally:
        running.networking.delete_namespaced_network_policy("allow-all", NAMESPACE)


def stranger(name: str, node: str, **container: Any) -> dict[str, Any]:
    """A pod that Pod Security `restricted` admits."""
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    return {
        "metadata": {"name": name, "labels": {LABEL: "true"}},
        "spec": {
            "nodeSelector": {NODE_POOL_LABEL: node},
            "tolerations": GPU_TOLERATIONS,
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {"runAsNonRoot": True, "runAsUser": 65534, "seccompProfile": SECCOMP},
            "containers": [
                {
                    "name": "stranger",
                    "image": IMAGE,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["python3", "-m", "http.server", str(LISTENS), "--directory", "/proc/self"],
                    "readinessProbe": {"tcpSocket": {"port": LISTENS}, "periodSeconds": 1},
                    "securityContext": security,
                    **container,
                }
            ],
        },
    }


def _policy(name: str, labels: dict[str, str], **rules: Any) -> dict[str, Any]:
    types = [kind.capitalize() for kind in rules]
    return {
        "metadata": {"name": name},
        "spec": {"podSelector": {"matchLabels": labels}, "policyTypes": types, **rules},
    }


def _ready(running: Running, namespace: str, name: str) -> Any:
    pod = running.core.read_namespaced_pod(name, namespace, _request_timeout=10)
    return pod if is_ready(pod) else None


def _remove(running: Running) -> None:
    for remove in (
        lambda: running.core.delete_namespaced_pod("neighbour", NAMESPACE),
        lambda: running.networking.delete_namespaced_network_policy("neighbour-may-leave", NAMESPACE),
        lambda: running.core.delete_namespace(ELSEWHERE),
    ):
        absent(remove)
    eventually(lambda: _gone(running), 60, "the strangers of an earlier run are gone")


def _gone(running: Running) -> bool:
    names = [item.metadata.name for item in running.core.list_namespace(_request_timeout=10).items]
    pods = [
        item.metadata.name for item in running.core.list_namespaced_pod(NAMESPACE, _request_timeout=10).items
    ]
    return ELSEWHERE not in names and "neighbour" not in pods


def absent(remove: Any) -> None:
    """Removes what may not be there."""
    try:
        remove()
    except ApiException as error:
        if error.status != 404:
            raise
