"""A name served over TLS: its certificate from cert-manager, and what Contour is told of it."""

from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes


def certificate(
    resource_name: str,
    *,
    name: str,
    namespace: pulumi.Input[str],
    domain: str,
    secret_name: str,
    issuer_name: pulumi.Input[str],
    wait: bool,
    parent: pulumi.Resource,
) -> kubernetes.apiextensions.CustomResource:
    """The Certificate of `domain`, kept in `secret_name`; with `wait`, made once it is signed."""
    return kubernetes.apiextensions.CustomResource(
        resource_name,
        api_version="cert-manager.io/v1",
        kind="Certificate",
        metadata={
            "name": name,
            "namespace": namespace,
            "annotations": wait_for("condition=Ready", wait),
        },
        spec={
            "secretName": secret_name,
            "dnsNames": [domain],
            "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
            "issuerRef": {"name": issuer_name, "kind": "ClusterIssuer"},
        },
        opts=pulumi.ResourceOptions(parent=parent),
    )


def virtual_host(domain: str, secret_name: str) -> dict[str, Any]:
    """Of an HTTPProxy. With `tls` set, Contour answers plain HTTP with a 301 to HTTPS by itself."""
    return {"fqdn": domain, "tls": {"secretName": secret_name, "minimumProtocolVersion": "1.2"}}


def wait_for(condition: str, wait: bool) -> dict[str, str]:
    """The annotation by which Pulumi waits for an object's condition, if it is to."""
    return {"pulumi.com/waitFor": condition} if wait else {}
