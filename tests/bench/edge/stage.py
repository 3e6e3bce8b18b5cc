"""What is put beside the platform to be measured, and what is changed about it on the way."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from string import Template
from typing import Any, Final, TypeVar

import httpx
import psutil
import yaml
from kubernetes import client

from components.nodes import EDGE_NODE_SELECTOR, GPU_NODE_SELECTOR
from local.cluster.layout import Cluster
from tests.bench import contour
from tests.bench.edge.nginx import Nginx
from tests.cluster import faults
from tests.cluster.deployed import Deployed
from tests.cluster.running import NAMESPACE, Running, eventually

T = TypeVar("T")

HERE: Final = Path(__file__).parent
BENCH: Final = "bench"
PATIENCE: Final = 120

ENVOY, NGINX, DIRECT = "Envoy", "nginx", "no proxy"
BARE = "Envoy without Contour"

_BACKENDS: Final = {"small": 8080, "speech": 8091, "queueing": 8091}
"""Ports of their pods."""

_DIRECT: Final = {"small": 18080, "speech": 18091, "queueing": 31091}
"""Ports of their node. The last is a Service's, behind which kube-proxy gives each new connection one of three pods."""

DIRECT_HTTP2: Final = 18081
"""Port of the node at which the small backend speaks HTTP/2."""


@dataclass(frozen=True)
class Target:
    """One way to one backend."""

    side: str
    host: str
    """The name in the request, and in TLS."""

    address: str
    port: int
    tls: bool = True

    @property
    def url(self) -> str:
        """Of a client that is told where to connect apart."""
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    @property
    def sockets(self) -> str:
        """The same of a WebSocket."""
        return self.url.replace("http", "ws", 1)


@dataclass(frozen=True)
class Stage:
    """The platform with the backends and both proxies beside it."""

    deployed: Deployed

    @property
    def cluster(self) -> Cluster:
        """Where it all runs."""
        return self.deployed.cluster

    @cached_property
    def running(self) -> Running:
        """Its API."""
        return Running(self.cluster)

    @cached_property
    def custom(self) -> client.CustomObjectsApi:
        """For HTTPProxies."""
        return client.CustomObjectsApi(self.running.api)

    def ways(self, backend: str) -> list[Target]:
        """Through each proxy, and straight to it."""
        edge, gpu = (str(self.cluster.node_address(node)) for node in ("edge", "gpu"))
        host = f"{backend}.bench.localhost"
        through = [Target(ENVOY, host, edge, 443), Target(NGINX, host, edge, 9443)]
        return [*through, Target(DIRECT, host, gpu, _DIRECT[backend], tls=False)]

    def set_up(self) -> None:
        """Puts all of it there; returns when each way answers."""
        configuration = {"nginx.conf": (HERE / "backend.conf").read_text(encoding="utf-8")}
        self.apply(
            [
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": BENCH}},
                {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": {"name": "small", "namespace": BENCH},
                    "data": configuration,
                },
            ]
        )
        self.apply_file("objects.yaml", issuer=self._certificate_issuer())
        for name in _BACKENDS:
            self.kubectl("rollout", "status", f"deployment/{name}", "--namespace", BENCH, "--timeout=120s")
        for name in _BACKENDS:
            self.route(name)
        self.restart_nginx()
        for target in (target for backend in _BACKENDS for target in self.ways(backend)):
            eventually(partial(answers, target), PATIENCE, f"{target.url} of {target.side} answers")

    @cached_property
    def speech_route(self) -> dict[str, Any]:
        """The HTTPProxy that the program has made for the service."""
        found: dict[str, Any] = self.custom.get_namespaced_custom_object(
            "projectcontour.io", "v1", NAMESPACE, "httpproxies", "speech"
        )
        return found

    def proxy(
        self,
        backend: str,
        name: str | None = None,
        change: Callable[[dict[str, Any]], None] | None = None,
        labels: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """An HTTPProxy as the program makes it, to another backend; `change` is made to each of its routes."""
        name = name or backend
        spec = deepcopy(self.speech_route["spec"])
        spec["virtualhost"]["fqdn"] = f"{name}.bench.localhost"
        spec["virtualhost"]["tls"]["secretName"] = "bench-tls"
        for route in spec["routes"]:
            route["services"] = [{"name": backend, "port": 80}]
            if change is not None:
                change(route)
        return {
            "apiVersion": "projectcontour.io/v1",
            "kind": "HTTPProxy",
            "metadata": {"name": name, "namespace": BENCH, "labels": labels or {}},
            "spec": spec,
        }

    def route(self, backend: str, change: Callable[[dict[str, Any]], None] | None = None) -> None:
        """Puts it there."""
        self.apply([self.proxy(backend, change=change)])

    @property
    def configuration(self) -> Nginx:
        """Of nginx, with the pods that there are now."""
        pods = {
            name: [f"{pod.status.pod_ip}:{port}" for pod in self.running.ready_pods(BENCH, f"app={name}")]
            for name, port in _BACKENDS.items()
        }
        names = {f"{name}.bench.localhost": name for name in _BACKENDS}
        return Nginx(pods=pods, names=names, balance=dict.fromkeys(_BACKENDS, "least_conn"))

    def nginx(self, configuration: Nginx, *, reload: bool = True) -> None:
        """Writes nginx's configuration; with `reload`, checks it and has it read anew, as `nginx -s reload` does."""
        then = " && nginx -t -q -c /conf/nginx.conf && nginx -s reload -c /conf/nginx.conf" if reload else ""
        command = f"cat > /conf/next && mv /conf/next /conf/nginx.conf{then}"
        self.kubectl(
            *("exec", "--stdin", "--namespace", BENCH, "nginx", "--", "sh", "-c", command),
            given=configuration.text(),
        )

    def restart_envoy(self) -> None:
        """A new pod of Envoy: what the last one has grown to is gone."""
        contour.restart(self.running, "daemonset/envoy")

    def restart_nginx(self, configuration: Nginx | None = None) -> None:
        """A new pod of nginx, which begins with the configuration; its connections and old workers are gone."""
        self.kubectl("delete", "pod", "nginx", "--namespace", BENCH, "--ignore-not-found", "--wait=true")
        self.apply_file("nginx.yaml")
        eventually(self._nginx_runs, PATIENCE, "nginx's container runs")
        self.nginx(configuration or self.configuration, reload=False)
        self.kubectl("wait", "pod/nginx", "--namespace", BENCH, "--for=condition=Ready", "--timeout=60s")

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        """Runs it, and returns what it prints."""
        command = ["kubectl", f"--kubeconfig={self.cluster.kubeconfig}", *arguments]
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"kubectl {' '.join(arguments[:4])}: {done.stderr[-800:]}")
        return done.stdout

    def processes(self, side: str) -> list[psutil.Process]:
        """A proxy's, workers included."""
        if side == ENVOY:
            return faults.matching(self.cluster, faults.CONTOURS_ENVOY)
        if side == BARE:
            return faults.matching(self.cluster, faults.program("envoy", "-c", "/bare/envoy.json"))
        masters = faults.matching(self.cluster, lambda line: "/conf/nginx.conf" in " ".join(line))
        found = [*masters]
        for master in masters:
            with suppress(psutil.NoSuchProcess):
                found += master.children(recursive=True)
        return found

    def processor_seconds(self, side: str) -> float:
        """What the processes that a proxy has now have used so far."""
        return self._total(side, lambda process: sum(process.cpu_times()[:2]))

    def memory(self, side: str) -> float:
        """MiB that a proxy's processes hold, what they share counted once."""
        return self._total(side, lambda process: process.memory_full_info().pss) / 2**20

    def _total(self, side: str, of: Callable[[psutil.Process], float]) -> float:
        total = 0.0
        for process in self.processes(side):
            # Old workers of nginx end while they are looked at.
            with suppress(psutil.NoSuchProcess):
                total += of(process)
        return total

    def envoy_has(self, resource: str) -> list[dict[str, Any]]:
        """What Envoy has of a kind, as its admin interface says: dynamic_listeners, dynamic_active_clusters."""
        found: list[dict[str, Any]] = self.running.envoy_says(f"/config_dump?resource={resource}")["configs"]
        return found

    def envoy_listens(self) -> list[dict[str, Any]]:
        """Each `listener` that takes connections, with when it was `last_updated`; none that comes or goes."""
        return [one["active_state"] for one in self.envoy_has("dynamic_listeners") if "active_state" in one]

    def envoy_listeners(self) -> list[dict[str, Any]]:
        """Those listeners alone."""
        return [state["listener"] for state in self.envoy_listens()]

    def envoy_balances(self, name: str, *, by: str, retries: bool) -> bool:
        """Whether Envoy has the route of that name with that policy of balancing, and with retries or without."""
        routes = [
            json.dumps(one)
            for one in self.envoy_has("dynamic_route_configs")
            if f"/{name}.bench.localhost" in one["route_config"]["name"]
        ]
        clusters = [one["cluster"] for one in self.envoy_has("dynamic_active_clusters")]
        used = [one for one in clusters if any(f'"{one["name"]}"' in route for route in routes)]
        # What is left out of Envoy's answer is its default.
        balanced = all(one.get("lb_policy", "ROUND_ROBIN") == by for one in used)
        return bool(used) and balanced and all(("retry_policy" in route) == retries for route in routes)

    def apply(self, objects: Iterable[dict[str, Any]]) -> None:
        """Puts objects there, all of them at once."""
        self._apply(yaml.safe_dump_all(objects))

    def apply_file(self, name: str, **values: str) -> None:
        """The same with a file of this directory, whose holes are filled."""
        nodes = {"edge_node": EDGE_NODE_SELECTOR, "gpu_node": GPU_NODE_SELECTOR}
        places = {name: ", ".join(f"{k}: {v}" for k, v in node.items()) for name, node in nodes.items()}
        self._apply(Template((HERE / name).read_text(encoding="utf-8")).substitute(values, **places))

    def _apply(self, text: str) -> None:
        self.kubectl("apply", "--server-side", "--force-conflicts", "--filename=-", given=text)

    def _certificate_issuer(self) -> str:
        found = self.custom.get_namespaced_custom_object(
            "cert-manager.io", "v1", NAMESPACE, "certificates", "speech"
        )
        name: str = found["spec"]["issuerRef"]["name"]
        return name

    def _nginx_runs(self) -> bool:
        pod = self.running.core.read_namespaced_pod("nginx", BENCH)
        return any(status.state.running for status in pod.status.container_statuses or [])


def turned(ways: Sequence[T], turn: int) -> list[T]:
    """Each is the first of a turn as often as the others."""
    first = turn % len(ways)
    return [*ways[first:], *ways[:first]]


def answers(target: Target) -> bool:
    """True once its backend answers under its name; httpx.HTTPError before."""
    scheme = "https" if target.tls else "http"
    # What is measured is the way, not the trust.
    with httpx.Client(verify=False, trust_env=False, timeout=5) as session:  # noqa: S501
        answer = session.get(
            f"{scheme}://{target.address}:{target.port}/health",
            headers={"Host": f"{target.host}:{target.port}"},
            extensions={"sni_hostname": target.host},
        )
    answer.raise_for_status()
    return True
