"""A namespace with so many HTTPProxies, each with a host name of its own, under one certificate."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from kubernetes import client
from kubernetes.client.exceptions import ApiException

from tests.bench.certificates import self_signed
from tests.bench.run import Run
from tests.cluster.running import NAMESPACE as STACK
from tests.cluster.running import Running, eventually

NAMESPACE: Final = "bench-routes"
PATH: Final = "/version"
"""Where a route answers by itself, with what it was told last."""

GROUP: Final = ("projectcontour.io", "v1")
_CERTIFICATE: Final = "shared"
_WORKERS: Final = 4


def fqdn(number: int) -> str:
    """The host name of the proxy of that number."""
    return f"route-{number:04}.bench.localhost"


@dataclass(frozen=True)
class Proxies:
    """The namespace while it is there."""

    running: Running
    ca: str
    """PEM of the certificate that every host name has."""

    speech: Mapping[str, Any]
    """The route of streamed speech, as the program has made it for the service."""

    def proxy(self, number: int, said: str) -> dict[str, Any]:
        """Two routes: one to a Service, with all that the speech service's has, and one that says something."""
        return {
            "apiVersion": "/".join(GROUP),
            "kind": "HTTPProxy",
            "metadata": {"name": f"route-{number:04}", "namespace": NAMESPACE},
            "spec": {
                "virtualhost": {"fqdn": fqdn(number), "tls": {"secretName": _CERTIFICATE}},
                "routes": [
                    {
                        "conditions": [{"prefix": PATH}],
                        "directResponsePolicy": {"statusCode": 200, "body": said},
                    },
                    {
                        **self.speech,
                        "conditions": [{"prefix": "/"}],
                        "services": [{"name": "backend", "port": 80}],
                    },
                ],
            },
        }

    def create(self, numbers: range, said: str) -> None:
        """Returns when the API server has them all."""

        def one(number: int) -> None:
            objects.create_namespaced_custom_object(
                *GROUP, NAMESPACE, "httpproxies", self.proxy(number, said)
            )

        objects = client.CustomObjectsApi(self.running.api)
        with ThreadPoolExecutor(_WORKERS) as pool:
            list(pool.map(one, numbers))

    def valid(self) -> int:
        """How many Contour calls valid."""
        found = client.CustomObjectsApi(self.running.api).list_namespaced_custom_object(
            *GROUP, NAMESPACE, "httpproxies"
        )
        return sum(item.get("status", {}).get("currentStatus") == "valid" for item in found["items"])


@contextmanager
def namespace(run: Run, running: Running) -> Iterator[Proxies]:
    """The namespace, its certificate and its Service, and no proxy yet; all gone afterwards where the cluster stays."""
    core = running.core
    if not _gone(core):
        _remove(core)
    secret = self_signed("*.bench.localhost")
    core.create_namespace({"metadata": {"name": NAMESPACE}})
    try:
        core.create_namespaced_secret(
            NAMESPACE,
            {
                "metadata": {"name": _CERTIFICATE},
                "type": "kubernetes.io/tls",
                "stringData": secret,
            },
        )
        core.create_namespaced_service(
            NAMESPACE,
            {"metadata": {"name": "backend"}, "spec": {"ports": [{"port": 80}], "selector": {"app": "none"}}},
        )
        yield Proxies(running, secret["tls.crt"], _speech(running))
    finally:
        if run.keep_cluster:
            _remove(core)


def _speech(running: Running) -> dict[str, Any]:
    found = client.CustomObjectsApi(running.api).get_namespaced_custom_object(
        *GROUP, STACK, "httpproxies", "speech"
    )
    (route,) = (one for one in found["spec"]["routes"] if one.get("enableWebsockets"))
    return dict(route)


def _remove(core: Any) -> None:
    core.delete_namespace(NAMESPACE)
    eventually(lambda: _gone(core), 300, "the namespace of the routes is gone")


def _gone(core: Any) -> bool:
    try:
        core.read_namespace(NAMESPACE)
    except ApiException as error:
        body = json.loads(error.body)
        return bool(body["code"] == 404)
    return False
