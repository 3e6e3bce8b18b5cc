"""How long the edge takes to follow: a new HTTPProxy, a pod that has another address."""

from __future__ import annotations

import http.client
import operator
import socket
import ssl
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException

from tests.bench.scale.addresses import PROBED
from tests.bench.scale.fleet import Fleet, domain
from tests.cluster.running import EDGE_NAMESPACE

HOME = "scale-00"
_PATIENCE = 120


class Edge:
    """Envoy on the edge node, and the two Contours that tell it what to serve."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._running = fleet.running
        self._address = str(fleet.running.cluster.node_address("edge"))
        self._discovery = client.DiscoveryV1Api(fleet.running.api)
        self._trust = ssl.create_default_context()
        self._trust.check_hostname = False
        # What is measured is when somebody answers; the certificates are the benchmark's own.
        self._trust.verify_mode = ssl.CERT_NONE

    def new_proxy(self, name: str) -> float:
        """Milliseconds from an HTTPProxy in the API to the first answer through it. It is gone afterwards."""
        try:
            self._fleet.secret(name, HOME)
            self._fleet.route(self._fleet.templates.route_to(name, HOME, "s-0000"))
            return self._until(name, bool)
        finally:
            self._remove(name)

    def new_endpoint(self, name: str, times: int) -> list[float]:
        """Milliseconds from an EndpointSlice with another address to the first answer from there."""
        core, first = self._running.core, PROBED[0]
        port = self._fleet.templates.port
        ports = [{"name": "http", "port": 80, "targetPort": port}]
        taken = []
        try:
            self._fleet.secret(name, HOME)
            core.create_namespaced_service(HOME, {"metadata": {"name": name}, "spec": {"ports": ports}})
            self._discovery.create_namespaced_endpoint_slice(HOME, _slice(name, first, port))
            self._fleet.route(self._fleet.templates.route_to(name, HOME, name))
            self._until(name, partial(operator.eq, first))
            for turn in range(1, times + 1):
                address = PROBED[turn % 2]
                self._discovery.replace_namespaced_endpoint_slice(name, HOME, _slice(name, address, port))
                taken.append(self._until(name, partial(operator.eq, address)))
        finally:
            self._remove(name)
            _gone(partial(self._discovery.delete_namespaced_endpoint_slice, name, HOME))
            _gone(partial(core.delete_namespaced_service, name, HOME))
        return taken

    def unserved(self, names: list[str]) -> list[str]:
        """Those of the services that answer nobody."""
        return [name for name in names if not self._ask(name)]

    def ended(self) -> dict[str, tuple[str, str]]:
        """By container of a Contour or an Envoy that has ended: whose it was and why, and its last words."""
        found = {}
        for pod in self._running.pods(EDGE_NAMESPACE, "app in (contour, envoy)"):
            for status in pod.status.container_statuses or []:
                if end := status.last_state.terminated:
                    words = self._last_words(pod.metadata.name, status.name)
                    found[end.container_id] = (f"{status.name}: {end.reason} ({end.exit_code})", words)
        return found

    def _last_words(self, pod: str, container: str) -> str:
        try:
            log = self._running.core.read_namespaced_pod_log(
                pod,
                EDGE_NAMESPACE,
                container=container,
                previous=True,
                tail_lines=1,
                # The client makes text of bytes as Python writes them in a program.
                _preload_content=False,
            )
        except ApiException as error:
            return f"its log is gone ({error.status})"
        return str(log.data, "utf-8", "replace").strip()

    def _until(self, name: str, enough: Callable[[str], bool]) -> float:
        started = time.monotonic()
        while True:
            body = self._ask(name)
            taken = time.monotonic() - started
            if body and enough(body):
                return taken * 1000
            assert taken < _PATIENCE, f"{domain(name)} is not served within {_PATIENCE} s; last: {body!r}"
            time.sleep(0.01)

    def _ask(self, name: str) -> str:
        """What a service answers over a new connection; nothing where it is not served."""
        try:
            with (
                socket.create_connection((self._address, 443), timeout=5) as plain,
                self._trust.wrap_socket(plain, server_hostname=domain(name)) as tls,
            ):
                tls.sendall(f"GET / HTTP/1.1\r\nhost: {domain(name)}\r\nconnection: close\r\n\r\n".encode())
                answer = http.client.HTTPResponse(tls)
                answer.begin()
                return answer.read().decode() if answer.status == 200 else ""
        except (OSError, http.client.HTTPException):
            return ""

    def _remove(self, name: str) -> None:
        proxies = ("projectcontour.io", "v1", HOME, "httpproxies")
        _gone(partial(self._fleet.objects.delete_namespaced_custom_object, *proxies, name))
        _gone(partial(self._running.core.delete_namespaced_secret, f"{name}-tls", HOME))


def _gone(delete: Callable[[], object]) -> None:
    """Deletes what is there, and what never came to be is gone too."""
    try:
        delete()
    except ApiException as error:
        if error.status != 404:
            raise


def _slice(service: str, address: str, port: int) -> dict[str, Any]:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": service, "labels": {"kubernetes.io/service-name": service}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
    }
