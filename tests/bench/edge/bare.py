"""Envoy without Contour: a file with as little in it as there can be, to tell what Contour's configuration takes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.bench import contour
from tests.bench.edge.stage import BARE, BENCH, PATIENCE, Stage, Target, answers
from tests.cluster.running import eventually

_TYPES: Final = "type.googleapis.com/envoy.extensions"
MANAGER: Final = f"{_TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager"

_ROUTER: Final[dict[str, Any]] = {
    "name": "router",
    "typed_config": {"@type": f"{_TYPES}.filters.http.router.v3.Router"},
}
_INSPECTOR: Final = {"@type": f"{_TYPES}.filters.listener.tls_inspector.v3.TlsInspector"}


@dataclass(frozen=True, kw_only=True)
class Bare:
    """What decides about the file."""

    pod: str
    """`address:port` of the only backend."""

    buffer: int
    """Bytes for each side of a connection."""

    filters: Sequence[dict[str, Any]] = (_ROUTER,)
    """Of HTTP, with the router as the last."""

    def configuration(self) -> dict[str, Any]:
        """The file: one listener with TLS, one route, one cluster. No log, no admin interface."""
        address, port = self.pod.split(":")
        every = {"match": {"prefix": "/"}, "route": {"cluster": "backend", "timeout": "0s"}}
        manager = {
            "@type": MANAGER,
            "stat_prefix": "bare",
            "route_config": {"virtual_hosts": [{"name": "bare", "domains": ["*"], "routes": [every]}]},
            "http_filters": [*self.filters],
        }
        chain = {
            "transport_socket": {"name": "tls", "typed_config": _tls()},
            "filters": [{"name": "http", "typed_config": manager}],
        }
        backend = {"endpoint": {"address": _address(address, int(port))}}
        return {
            "static_resources": {
                "listeners": [
                    {
                        "name": "bare",
                        "address": _address("0.0.0.0", 8443),  # noqa: S104
                        "per_connection_buffer_limit_bytes": self.buffer,
                        # Contour's filters compare the name in TLS with the one in the request.
                        "listener_filters": [{"name": "tls_inspector", "typed_config": _INSPECTOR}],
                        "filter_chains": [chain],
                    }
                ],
                "clusters": [
                    {
                        "name": "backend",
                        "type": "STATIC",
                        "per_connection_buffer_limit_bytes": self.buffer,
                        "load_assignment": {
                            "cluster_name": "backend",
                            "endpoints": [{"lb_endpoints": [backend]}],
                        },
                    }
                ],
            }
        }


def way(stage: Stage) -> Target:
    """Through it, to the small backend."""
    return Target(BARE, "small.bench.localhost", str(stage.cluster.node_address("edge")), 9444)


def start(stage: Stage, bare: Bare, workers: int) -> None:
    """A new pod of it, in place of the last one; returns when it answers."""
    stage.kubectl("delete", "pod", "envoy", "--namespace", BENCH, "--ignore-not-found", "--wait=true")
    stage.apply(
        [
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "envoy", "namespace": BENCH},
                "data": {"envoy.json": json.dumps(bare.configuration())},
            }
        ]
    )
    stage.apply_file("envoy.yaml", image=contour.envoy_image(stage.running), workers=f"{workers}")
    # Not only an answer: that may be of the last one, which is on its way out.
    stage.kubectl("wait", "pod/envoy", "--namespace", BENCH, "--for=condition=Ready", "--timeout=60s")
    target = way(stage)
    eventually(lambda: answers(target), PATIENCE, f"{target.url} of {target.side} answers")


def stop(stage: Stage) -> None:
    """Takes it away."""
    stage.kubectl("delete", "pod/envoy", "configmap/envoy", "--namespace", BENCH, "--ignore-not-found")


def contours_filters(stage: Stage) -> list[dict[str, Any]]:
    """Those of HTTP that Contour gives Envoy for the small backend, with the router and without compression."""
    for listener in stage.envoy_listeners():
        for chain in listener["filter_chains"]:
            if "small.bench.localhost" not in chain.get("filter_chain_match", {}).get("server_names", []):
                continue
            for configured in (one["typed_config"] for one in chain["filters"]):
                if configured["@type"] == MANAGER:
                    return [one for one in configured["http_filters"] if "compressor" not in json.dumps(one)]
    raise RuntimeError("Envoy has no listener for the small backend")


def _address(address: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": address, "port_value": port}}


def _tls() -> dict[str, Any]:
    key = {"certificate_chain": {"filename": "/tls/tls.crt"}, "private_key": {"filename": "/tls/tls.key"}}
    return {
        "@type": f"{_TYPES}.transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context": {"tls_certificates": [key], "alpn_protocols": ["h2", "http/1.1"]},
    }
