"""Speech services by the hundred: the objects that the program renders for the local stack, each under its own name."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import yaml
from kubernetes import client

from tests.bench.certificates import self_signed
from tests.bench.scale.addresses import SERVICES
from tests.bench.scale.control_plane import rows
from tests.bench.scale.fake_nodes import KWOK
from tests.cluster.running import Running, eventually

NAMESPACES: Final = 100
REPLICAS: Final = 5
SELECTOR: Final = "bench=scale"


def namespace(number: int) -> str:
    """Ten services share one."""
    return f"scale-{number % NAMESPACES:02}"


def domain(name: str) -> str:
    """At which a service is served."""
    return f"{name}.scale.localhost"


@dataclass(frozen=True)
class Templates:
    """The rendered objects of one service."""

    deployment: dict[str, Any]
    service: dict[str, Any]
    proxy: dict[str, Any]

    @classmethod
    def read(cls, rendered: Path) -> Templates:
        """From a directory of `manifests/`."""
        return cls(
            **{
                field: yaml.safe_load((rendered / f"{kind}-speech.yaml").read_text(encoding="utf-8"))
                for field, kind in (
                    ("deployment", "deployment"),
                    ("service", "service"),
                    ("proxy", "httpproxy"),
                )
            }
        )

    @property
    def port(self) -> int:
        """At which a pod speaks."""
        port: int = self.deployment["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"]
        return port

    def of(self, number: int) -> list[dict[str, Any]]:
        """Deployment, Service and HTTPProxy of one service."""
        name, labels = f"s-{number:04}", {"bench": "scale", "app.kubernetes.io/instance": f"s-{number:04}"}
        deployment, service, proxy = copy.deepcopy((self.deployment, self.service, self.proxy))
        for item in (deployment, service, proxy):
            item["metadata"] = {"name": name, "namespace": namespace(number), "labels": labels}
        spec = deployment["spec"]
        spec["replicas"] = REPLICAS
        spec["selector"] = {"matchLabels": labels}
        spec["template"]["metadata"]["labels"] = labels
        pod = spec["template"]["spec"]
        pod["nodeSelector"] |= KWOK
        pod["serviceAccountName"] = "default"
        for constraint in pod["topologySpreadConstraints"]:
            constraint["labelSelector"] = {"matchLabels": labels}
        # kwok attaches no volume, and the scheduler would wait for one.
        pod["volumes"] = [
            {"name": volume["name"], "emptyDir": {}} if "persistentVolumeClaim" in volume else volume
            for volume in pod["volumes"]
        ]
        service["spec"]["selector"] = labels
        self._route(proxy, name, name)
        return [deployment, service, proxy]

    def route_to(self, name: str, namespace: str, service: str) -> dict[str, Any]:
        """Another HTTPProxy to a service that is there, or will be."""
        proxy = copy.deepcopy(self.proxy)
        proxy["metadata"] = {"name": name, "namespace": namespace}
        self._route(proxy, name, service)
        return proxy

    @staticmethod
    def _route(proxy: dict[str, Any], name: str, service: str) -> None:
        proxy["spec"]["virtualhost"] |= {"fqdn": domain(name)}
        proxy["spec"]["virtualhost"]["tls"]["secretName"] = f"{name}-tls"
        for route in proxy["spec"]["routes"]:
            route["services"][0]["name"] = service


@dataclass(frozen=True)
class Seen:
    """How far a fleet has come."""

    made: int
    scheduled: int
    running: int


class Fleet:
    """The services on a cluster."""

    def __init__(self, running: Running, templates: Templates) -> None:
        self.running = running
        self.templates = templates
        self.size = 0

    @cached_property
    def objects(self) -> client.CustomObjectsApi:
        return client.CustomObjectsApi(self.running.api)

    def prepare(self) -> None:
        """The namespaces, with what every pod needs of one, and room for more Services than an embedded cluster has."""
        self.objects.create_cluster_custom_object(
            "networking.k8s.io",
            "v1",
            "servicecidrs",
            {"metadata": {"name": "scale"}, "spec": {"cidrs": [str(SERVICES)]}},
        )
        names = [namespace(number) for number in range(NAMESPACES)]
        self._each(
            lambda name: self.running.core.create_namespace({"metadata": {"name": name}}),
            names,
        )
        eventually(
            lambda: (
                len(
                    [
                        item
                        for item in self.running.core.list_service_account_for_all_namespaces().items
                        if item.metadata.namespace in set(names)
                    ]
                )
                == len(names)
            ),
            120,
            "every namespace has its service account",
        )

    def grow(self, to: int) -> None:
        """Makes services up to that number: the API has them when this returns, their pods come after it."""
        numbers = range(self.size, to)
        self._each(self._make, numbers)
        self.size = to

    def secret(self, name: str, namespace: str) -> None:
        """A certificate as cert-manager would have it signed: a key of its own, P-256."""
        body = {
            "metadata": {
                "name": f"{name}-tls",
                "namespace": namespace,
                "labels": {"bench": "scale"},
            },
            "type": "kubernetes.io/tls",
            "stringData": self_signed(domain(name)),
        }
        self.running.core.create_namespaced_secret(namespace, body)

    def _make(self, number: int) -> None:
        home = namespace(number)
        deployment, service, proxy = self.templates.of(number)
        self.secret(deployment["metadata"]["name"], home)
        self.running.core.create_namespaced_service(home, service)
        self.route(proxy)
        self.running.apps.create_namespaced_deployment(home, deployment)

    def route(self, proxy: dict[str, Any]) -> None:
        """Creates an HTTPProxy."""
        self.objects.create_namespaced_custom_object(
            "projectcontour.io", "v1", proxy["metadata"]["namespace"], "httpproxies", proxy
        )

    def seen(self) -> Seen:
        """How far its pods are."""
        found = rows(self.running, "/api/v1/pods", SELECTOR)
        return Seen(
            made=len(found),
            scheduled=sum(row["Node"] != "<none>" for row in found),
            running=sum(row["Status"] == "Running" for row in found),
        )

    def follow(self, started: float, seconds: float) -> tuple[Seen, Mapping[str, float]]:
        """How far it comes in that time, and after how many seconds every pod was made, was scheduled, and ran."""
        wanted = self.size * REPLICAS
        reached: dict[str, float] = {}
        while True:
            asked = time.monotonic()
            seen = self.seen()
            at = time.monotonic() - started
            for step in ("made", "scheduled", "running"):
                if getattr(seen, step) >= wanted:
                    reached.setdefault(step, at)
            if "running" in reached or at > seconds:
                return seen, reached
            # To look is work for the API server too: a third of the time at most.
            time.sleep(max(0.5, 2 * (time.monotonic() - asked)))

    @staticmethod
    def _each(do: Any, items: Sequence[Any]) -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(do, items))
