"""What each exposure changes in Contour's manifest for Envoy."""

from typing import Any

from components.edge import ENVOY_HEALTH_PORT, Exposure
from components.hardening import harden
from components.upstream.objects import Change, KubernetesObject, container, pod_spec
from components.upstream.source import UpstreamError

_ENVOY_MEMORY_MIB = 2048
"""At the most. 2,000 WebSockets and 200 routes took 367 MiB (docs/benchmarks.md), a thousand services without clients
1,608 (docs/scale.md)."""

_ENVOY_HEAP_BYTES = _ENVOY_MEMORY_MIB * 2**20 * 9 // 10
"""At 95 % of it Envoy gives memory back to the kernel, at 98 % it answers new requests with 503, those for /ready and
/stats among them, so that its node takes no more. At the container's limit the kernel would end it, and every stream
with it. https://projectcontour.io/docs/1.33/config/overload-manager/"""

_ENVOY_CONNECTIONS = 8192
"""That one Envoy takes from clients at a time: twice what it carries to one service, as some wait for their next
request. Further ones are closed at once. Idle connections and handshakes take memory too, and the limit of the heap
refuses requests only."""

_ENVOY_RESOURCES = {
    # 500 WebSockets and 200 routes take 273 MiB, three hundred services without clients 532.
    "requests": {"cpu": "200m", "memory": "512Mi"},
    "limits": {"memory": f"{_ENVOY_MEMORY_MIB}Mi"},
}
_SHUTDOWN_MANAGER_RESOURCES = {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "64Mi"}}
_INIT_RESOURCES = {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}}

_LISTENERS = {"http": 80, "https": 443}
"""Ports of the node, by the names that the manifest gives Envoy's ports."""


def envoy_changes(exposure: Exposure, *, load_balanced: bool) -> list[Change]:
    """Changes to the DaemonSet and to the Service in front of it.

    `load_balanced`: a load balancer in front of the nodes asks each one's Envoy whether it is ready.
    """

    def run(daemon_set: KubernetesObject) -> None:
        container(daemon_set, "envoy")["resources"] = _ENVOY_RESOURCES
        container(daemon_set, "shutdown-manager")["resources"] = _SHUTDOWN_MANAGER_RESOURCES
        bootstrap = container(daemon_set, "envoy-initconfig")
        bootstrap["resources"] = _INIT_RESOURCES
        bootstrap["args"] += [
            f"--overload-max-heap={_ENVOY_HEAP_BYTES}",
            f"--overload-downstream-max-conn={_ENVOY_CONNECTIONS}",
        ]
        harden(daemon_set)
        match exposure:
            case Exposure.HOST_NETWORK:
                _join_node_network(daemon_set)
            case Exposure.HOST_PORT:
                # The manifest as it comes: ports 8080 and 8443, reached through the node's 80 and 443.
                if load_balanced:
                    _open_health_port(daemon_set)
            case Exposure.LOAD_BALANCER:
                _close_host_ports(daemon_set)

    def serve(service: KubernetesObject) -> None:
        match exposure:
            case Exposure.LOAD_BALANCER:
                pass  # The manifest as it comes.
            case Exposure.HOST_PORT:
                _make_internal(service)
            case Exposure.HOST_NETWORK:
                _make_internal(service)
                for port in service["spec"]["ports"]:
                    port["targetPort"] = _LISTENERS[port["name"]]

    return [
        Change(kind="DaemonSet", name="envoy", apply=run),
        Change(kind="Service", name="envoy", apply=serve),
    ]


def _join_node_network(daemon_set: KubernetesObject) -> None:
    spec = pod_spec(daemon_set)
    spec["hostNetwork"] = True
    # Envoy finds Contour by a cluster name, which the node's own resolver does not know.
    spec["dnsPolicy"] = "ClusterFirstWithHostNet"
    for port in _listener_ports(daemon_set):
        port["containerPort"] = port["hostPort"] = _LISTENERS[port["name"]]
    # A port below 1024 in the node's network takes NET_BIND_SERVICE, and Kubernetes hands a capability only to root.
    # So root, with this one capability and no other. The rest of the pod follows: the three share Envoy's admin
    # socket and its files, and a root without DAC_OVERRIDE opens only what is its own.
    spec["securityContext"].update({"runAsNonRoot": False, "runAsUser": 0, "runAsGroup": 0})
    envoy = container(daemon_set, "envoy")
    envoy["securityContext"]["capabilities"]["add"] = ["NET_BIND_SERVICE"]
    # kubelet finds no address for a hook of a pod in the node's network and skips it: Envoy is then stopped in the
    # middle of its streams, and the pod lingers for its 300 s. https://github.com/kubernetes/kubernetes/issues/134285
    envoy["lifecycle"]["preStop"]["httpGet"]["host"] = "127.0.0.1"


def _open_health_port(daemon_set: KubernetesObject) -> None:
    ports = container(daemon_set, "envoy")["ports"]
    health = [port for port in ports if port["containerPort"] == ENVOY_HEALTH_PORT]
    if len(health) != 1:
        raise UpstreamError(
            f"Envoy has {len(health)} ports {ENVOY_HEALTH_PORT}, and the load balancer asks it there."
        )
    health[0]["hostPort"] = ENVOY_HEALTH_PORT


def _close_host_ports(daemon_set: KubernetesObject) -> None:
    for port in _listener_ports(daemon_set):
        del port["hostPort"]


def _listener_ports(daemon_set: KubernetesObject) -> list[dict[str, Any]]:
    return [port for port in container(daemon_set, "envoy")["ports"] if port["name"] in _LISTENERS]


def _make_internal(service: KubernetesObject) -> None:
    """Clients come by the nodes' ports. The Service stays, for callers inside the cluster."""
    service["spec"]["type"] = "ClusterIP"
    # Both mean something for a load balancer only, and the API refuses the first without one.
    del service["spec"]["externalTrafficPolicy"]
    del service["metadata"]["annotations"]
