"""Contour and its Envoys, installed from the release manifest.

Refuses to guess: each change that is made to the manifest names one object, and an upstream in which that object is
gone fails the preview. Refuses a load balancer in front of the edge nodes together with a Service of type
LoadBalancer: with that one, Envoy has no port on its node.

The certgen Job is kept on purpose: it makes the certificates that Contour and Envoy know each other by. Its name
carries the version, so an update runs a new one, and it has no TTL, so that a refresh finds it.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pulumi
import yaml

from components.edge import ENVOY_NAMESPACE, STREAM_IDLE, ClientAddress, Exposure
from components.envoy import envoy_changes
from components.hardening import harden
from components.nodes import EDGE_NODE_SELECTOR
from components.upstream.images import use_registry
from components.upstream.install import install
from components.upstream.objects import (
    WORKLOADS,
    Change,
    KubernetesObject,
    container,
    parse_manifest,
    pod_spec,
    transform,
)
from components.upstream.pin import Upstream
from components.upstream.source import UpstreamStore

_CONTOUR_MEMORY_MIB = 2048
"""At the most. A thousand HTTPProxies with certificates and 5,000 pods take more than 1 GiB while they change
(docs/scale.md)."""

_CONTOUR_RESOURCES = {
    # A hundred services take 159 MiB at rest, three hundred 333 (docs/scale.md).
    "requests": {"cpu": "100m", "memory": "256Mi"},
    "limits": {"memory": f"{_CONTOUR_MEMORY_MIB}Mi"},
}

_GO_MEMORY_LIMIT = f"{_CONTOUR_MEMORY_MIB * 9 // 10}MiB"
"""From here on Go collects garbage more often. By itself it lets the heap double first, whatever the limit is."""

_CERTGEN_RESOURCES = {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}}

_CERTGEN_LIFETIME_DAYS = 3650
"""Upstream's default is 365: an edge that nobody updates for a year would lose its configuration overnight."""

# https://projectcontour.io/docs/1.33/configuration/#timeout-configuration
_TIMEOUTS = {
    # A synthesis streams for as long as its text is long; what ends it is silence, not length.
    "request-timeout": "infinity",
    # Silence on a stream. The route sets its own, this is for routes that do not.
    "stream-idle-timeout": STREAM_IDLE,
    # Keep-alive connections between requests. Longer than the 60 s that cloud load balancers keep theirs, so that
    # Envoy is never the one that closes a connection under a request on its way.
    "connection-idle-timeout": "75s",
    "connect-timeout": "2s",
}

_AT_A_TIME = 4096
"""Requests, WebSockets among them, that one Envoy carries to one service. By default Envoy answers the 1,025th with
503, although nothing is busy."""

_BUFFER_BYTES = 32 * 2**10
"""That Envoy buffers for each side of a slow HTTP/1.1 or WebSocket connection: most of a second of audio. With Envoy's
default of 1 MiB a thousand slow listeners would fill its memory. An HTTP/2 stream has a buffer of its own, of up to
16 MiB, which Contour cannot set (docs/decisions/0014).
https://www.envoyproxy.io/docs/envoy/latest/configuration/best_practices/edge"""

_HTTP2_STREAMS = 100
"""Of one connection at a time, as Envoy advises for an edge. Its default is 1,024."""

_RETRIES_AT_A_TIME = 128
"""Envoy's own limit of 3 is less than what waits for a pod that dies. Only what no pod has heard of is tried again."""

_API_REQUESTS_A_SECOND = 50
"""Of Contour to the API server, one for each HTTPProxy whose status it writes. By default it is client-go's 5, and a
leader with a hundred to write takes no change of a route until it has."""

_PROBE_SECONDS = 5
"""For an answer to the liveness probe. Kubernetes' default of one second is short for a Contour that rebuilds the
configuration of hundreds of services on a busy node (docs/scale.md)."""


@dataclass(frozen=True, kw_only=True)
class ContourArgs:
    """What an environment decides about its edge."""

    upstream: Upstream
    store: UpstreamStore
    exposure: Exposure
    replicas: int
    """Of Contour. Envoy runs on every edge node."""

    load_balancer: ClientAddress | None = None
    """A load balancer in front of the edge nodes: how it hands on the client's address; None without one."""

    image_registry: str | None = None
    """A mirror of the images' registries."""


class Contour(pulumi.ComponentResource):
    """Contour, Envoy, their CRDs, and a PodDisruptionBudget."""

    namespace: pulumi.Output[str]
    """Where Contour and Envoy run."""

    def __init__(self, name: str, args: ContourArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("tts-platform:contour:Contour", name, None, opts)
        if args.load_balancer is not None and args.exposure is Exposure.LOAD_BALANCER:
            raise ValueError(
                f"{name}: a load balancer in front of the nodes finds no port of Envoy's open on them."
            )

        objects = transform(
            parse_manifest(args.store.locate(args.upstream)),
            [
                *_controller_changes(args),
                *_certgen_changes(args.upstream.tag),
                *envoy_changes(args.exposure, load_balanced=args.load_balancer is not None),
            ],
        )
        _place_on_edge(objects)
        if args.image_registry:
            use_registry(objects, args.image_registry)
        install(name, [*objects, _disruption_budget()], self)

        self.namespace = pulumi.Output.from_input(ENVOY_NAMESPACE)
        self.register_outputs({"namespace": self.namespace})


def _controller_changes(args: ContourArgs) -> list[Change]:
    configuration: dict[str, Any] = {}

    def configure(config_map: KubernetesObject) -> None:
        configuration.update(yaml.safe_load(config_map["data"]["contour.yaml"]))
        _configure(configuration)
        config_map["data"]["contour.yaml"] = yaml.safe_dump(configuration, sort_keys=True)

    def deploy(deployment: KubernetesObject) -> None:
        deployment["spec"]["replicas"] = args.replicas
        # Contour reads its file once, at the start: a new file must be new pods.
        checksum = hashlib.sha256(json.dumps(configuration, sort_keys=True).encode()).hexdigest()
        deployment["spec"]["template"]["metadata"]["annotations"] = {"tts-platform/configuration": checksum}
        contour = container(deployment, "contour")
        contour["resources"] = _CONTOUR_RESOURCES
        contour["livenessProbe"]["timeoutSeconds"] = _PROBE_SECONDS
        contour["env"].append({"name": "GOMEMLIMIT", "value": _GO_MEMORY_LIMIT})
        harden(deployment)
        if args.exposure is Exposure.HOST_NETWORK:
            # Contour tells Envoy what to listen on, and in the node's network there is no mapping in between.
            contour["args"] += ["--envoy-service-http-port=80", "--envoy-service-https-port=443"]
        if args.load_balancer is ClientAddress.PROXY_PROTOCOL:
            contour["args"].append("--use-proxy-protocol")

    return [
        Change(kind="ConfigMap", name="contour", apply=configure),
        Change(kind="Deployment", name="contour", apply=deploy),
    ]


def _configure(configuration: dict[str, Any]) -> None:
    configuration["accesslog-format"] = "json"
    configuration["tls"]["minimum-protocol-version"] = "1.2"
    configuration["timeouts"] = dict(_TIMEOUTS)
    configuration["kubernetesClientQPS"] = _API_REQUESTS_A_SECOND
    configuration["kubernetesClientBurst"] = 2 * _API_REQUESTS_A_SECOND
    configuration["listener"] = {
        "per-connection-buffer-limit-bytes": _BUFFER_BYTES,
        "http2-max-concurrent-streams": _HTTP2_STREAMS,
    }
    configuration["cluster"] = {
        "per-connection-buffer-limit-bytes": _BUFFER_BYTES,
        # WebSockets count as connections and as requests.
        "circuit-breakers": {
            "max-connections": _AT_A_TIME,
            "max-pending-requests": _AT_A_TIME,
            "max-requests": _AT_A_TIME,
            "max-retries": _RETRIES_AT_A_TIME,
        },
    }


def _certgen_changes(tag: str) -> list[Change]:
    def configure(job: KubernetesObject) -> None:
        certgen = container(job, "contour")
        certgen["command"].append(f"--certificate-lifetime={_CERTGEN_LIFETIME_DAYS}")
        certgen["resources"] = _CERTGEN_RESOURCES
        harden(job)

    return [Change(kind="Job", name=f"contour-certgen-{tag.replace('.', '-')}", apply=configure)]


def _place_on_edge(objects: Iterable[KubernetesObject]) -> None:
    for workload in (item for item in objects if item["kind"] in WORKLOADS):
        pod_spec(workload)["nodeSelector"] = dict(EDGE_NODE_SELECTOR)


def _disruption_budget() -> KubernetesObject:
    """A drained node takes one Contour at a time; an Envoy without any keeps its last routes, but learns of no pod."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "contour", "namespace": ENVOY_NAMESPACE},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "contour"}}},
    }
