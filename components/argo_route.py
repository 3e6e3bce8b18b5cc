"""The way in to Argo CD's UI, API and webhook: a certificate, and the route from Envoy to the server.

TLS ends at Envoy; behind it, the server speaks plain HTTP. Its command line takes both gRPC and, where a proxy on the
way cannot, gRPC-web: `argocd login NAME --grpc-web`.

Refuses webhooks where there is no secret to know them by: anybody could have Argo CD fetch the repository all day.
"""

from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_kubernetes as kubernetes

from components.certificate import certificate, virtual_host, wait_for
from components.edge import STREAM_IDLE

_TLS_SECRET: Final = "argocd-tls"  # noqa: S105 - a name, not a secret
# Not argocd-server-tls: the server looks for that name, and would take the certificate for its own.

_SERVICE: Final = {"name": "argocd-server", "port": 80}


@dataclass(frozen=True, kw_only=True)
class ArgoCdRouteArgs:
    """From which name."""

    namespace: pulumi.Input[str]
    domain: str
    issuer_name: pulumi.Input[str]
    webhook: bool
    """Whether webhooks are let in."""

    await_certificate: bool
    """Whether to wait for the certificate. An ACME server signs only once the domain's DNS record points here."""


class ArgoCdRoute(pulumi.ComponentResource):
    """Certificate and HTTPProxy."""

    def __init__(self, name: str, args: ArgoCdRouteArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("tts-platform:argocd:ArgoCdRoute", name, None, opts)
        signed = certificate(
            f"{name}-certificate",
            name="argocd",
            namespace=args.namespace,
            domain=args.domain,
            secret_name=_TLS_SECRET,
            issuer_name=args.issuer_name,
            wait=args.await_certificate,
            parent=self,
        )
        self._proxy(name, args, signed)
        self.register_outputs({})

    def _proxy(self, name: str, args: ArgoCdRouteArgs, signed: pulumi.Resource) -> None:
        kubernetes.apiextensions.CustomResource(
            f"{name}-proxy",
            api_version="projectcontour.io/v1",
            kind="HTTPProxy",
            metadata={
                "name": "argocd",
                "namespace": args.namespace,
                "annotations": wait_for("jsonpath={.status.currentStatus}=valid", args.await_certificate),
            },
            spec={
                "virtualhost": virtual_host(args.domain, _TLS_SECRET),
                "routes": [*([] if args.webhook else [_NO_WEBHOOK]), _GRPC, _HTTP],
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[signed]),
        )


# The UI and the command line both follow an application through one answer that never ends.
_TIMEOUTS: Final = {"response": "infinity", "idle": STREAM_IDLE}

_HTTP: Final[dict[str, Any]] = {
    "conditions": [{"prefix": "/"}],
    "services": [_SERVICE],
    "timeoutPolicy": _TIMEOUTS,
}

# Envoy, as Contour sets it up, turns gRPC-web into gRPC on its way; so that also gRPC-web must reach the server by
# HTTP/2, and by HTTP/1.1 would be answered 404. https://github.com/projectcontour/contour/issues/4290
_GRPC: Final[dict[str, Any]] = {
    "conditions": [{"prefix": "/"}, {"header": {"name": "Content-Type", "contains": "application/grpc"}}],
    "services": [{**_SERVICE, "protocol": "h2c"}],
    "timeoutPolicy": _TIMEOUTS,
}

_NO_WEBHOOK: Final[dict[str, Any]] = {
    "conditions": [{"prefix": "/api/webhook"}],
    "directResponsePolicy": {"statusCode": 403, "body": "No webhook secret is set.\n"},
}
