"""The way in: a certificate, and the route from Envoy to the speech pods.

Tries again only what no pod has heard of: a synthesis that failed half way has cost a GPU seconds already, and a second
one would cost them again while the client has long heard the first half.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from components.certificate import certificate, virtual_host, wait_for
from components.edge import STREAM_IDLE

_RETRIES = {
    # A pod that has just died refuses connections, and closes those that are kept, until Envoy hears that it is gone.
    # https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/router_filter#x-envoy-retry-on
    "retryOn": ["connect-failure", "reset-before-request"],
    # The balancing may name the same pod again.
    "count": 3,
}

_TLS_SECRET = "speech-tls"  # noqa: S105 - a name, not a secret


@dataclass(frozen=True, kw_only=True)
class RouteArgs:
    """From which name to which Service."""

    namespace: pulumi.Input[str]
    domain: str
    issuer_name: pulumi.Input[str]
    service_name: pulumi.Input[str]
    service_port: int
    health_path: str | None
    stream_paths: Sequence[str]
    await_certificate: bool
    """Whether to wait for the certificate. An ACME server signs only once the domain's DNS record points here, which
    on a first deployment is a step that comes after this one."""


class Route(pulumi.ComponentResource):
    """Certificate and HTTPProxy."""

    def __init__(self, name: str, args: RouteArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("tts-platform:tts:Route", name, None, opts)
        signed = certificate(
            f"{name}-certificate",
            name="speech",
            namespace=args.namespace,
            domain=args.domain,
            secret_name=_TLS_SECRET,
            issuer_name=args.issuer_name,
            wait=args.await_certificate,
            parent=self,
        )
        self._proxy(name, args, signed)
        self.register_outputs({})

    def _proxy(self, name: str, args: RouteArgs, signed: pulumi.Resource) -> None:
        streams = [_route(args, prefix, websockets=True) for prefix in args.stream_paths]
        kubernetes.apiextensions.CustomResource(
            f"{name}-proxy",
            api_version="projectcontour.io/v1",
            kind="HTTPProxy",
            metadata={
                "name": "speech",
                "namespace": args.namespace,
                "annotations": wait_for("jsonpath={.status.currentStatus}=valid", args.await_certificate),
            },
            spec={
                "virtualhost": virtual_host(args.domain, _TLS_SECRET),
                "routes": [*streams, _route(args, "/", websockets=False)],
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[signed]),
        )


def _route(args: RouteArgs, prefix: str, *, websockets: bool) -> dict[str, Any]:
    route: dict[str, Any] = {
        "conditions": [{"prefix": prefix}],
        "services": [{"name": args.service_name, "port": args.service_port}],
        "timeoutPolicy": {"response": "infinity", "idle": STREAM_IDLE},
        # A synthesis holds a GPU for seconds: round robin would queue behind one while another pod is idle.
        "loadBalancerPolicy": {"strategy": "WeightedLeastRequest"},
        "retryPolicy": _RETRIES,
    }
    if websockets:
        route["enableWebsockets"] = True
    if args.health_path:
        route["healthCheckPolicy"] = {
            "path": args.health_path,
            "intervalSeconds": 5,
            "timeoutSeconds": 2,
            "unhealthyThresholdCount": 3,
            "healthyThresholdCount": 1,
        }
    return route
