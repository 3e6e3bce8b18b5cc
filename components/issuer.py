"""Who signs the certificates: an ACME server, or a CA that lives in the cluster.

Refuses nothing by itself; it must be given cert-manager in `depends_on`, or the webhook is asked before it answers.
"""

import base64
from dataclasses import dataclass
from typing import Any, TypeAlias

import pulumi
import pulumi_kubernetes as kubernetes

from components.custom_resource import name_of
from components.edge import INGRESS_CLASS

_API_VERSION = "cert-manager.io/v1"
# As the API server writes it back: cert-manager parses and prints it anew, and any other spelling is a change for ever.
_CA_DURATION = "87600h0m0s"
_WAIT_READY = {"pulumi.com/waitFor": "condition=Ready"}


@dataclass(frozen=True, kw_only=True)
class AcmeIssuer:
    """Let's Encrypt, or any other ACME server."""

    server: str
    """Its directory's URL."""

    email: str
    """Where the server writes to when something is wrong with a certificate."""

    ca: str | None = None
    """PEM of the CA that signed the server's own certificate; None for a public one."""


@dataclass(frozen=True, kw_only=True)
class InClusterCa:
    """A CA whose key never leaves the cluster. For clusters that no ACME server can reach."""


IssuerKind: TypeAlias = AcmeIssuer | InClusterCa

_ACME = "acme"
_IN_CLUSTER_CA = "in-cluster-ca"


def issuer_name(kind: IssuerKind) -> str:
    """What a Certificate's `issuerRef` names; known before anything is made, so that a manifest can be rendered."""
    match kind:
        case AcmeIssuer():
            return _ACME
        case InClusterCa():
            return _IN_CLUSTER_CA


@dataclass(frozen=True, kw_only=True)
class ClusterIssuerArgs:
    """Who signs, and where the signer's secrets live."""

    issuer: IssuerKind
    cert_manager_namespace: pulumi.Input[str]


class ClusterIssuer(pulumi.ComponentResource):
    """One ClusterIssuer, and what it needs to sign."""

    issuer_name: pulumi.Output[str]
    """What a Certificate's `issuerRef` names."""

    ca_secret: pulumi.Output[str] | None
    """`namespace/name` of the secret whose `tls.crt` verifies what is signed. None where the world knows the signer."""

    def __init__(self, name: str, args: ClusterIssuerArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("tts-platform:issuer:ClusterIssuer", name, None, opts)
        match args.issuer:
            case AcmeIssuer():
                issuer, self.ca_secret = self._acme(name, args.issuer), None
            case InClusterCa():
                issuer, self.ca_secret = self._in_cluster_ca(name, args.cert_manager_namespace)
        self.issuer_name = name_of(issuer)
        self.register_outputs({"issuer_name": self.issuer_name, "ca_secret": self.ca_secret})

    def _acme(self, name: str, acme: AcmeIssuer) -> kubernetes.apiextensions.CustomResource:
        spec: dict[str, Any] = {
            "server": acme.server,
            "email": acme.email,
            "privateKeySecretRef": {"name": "acme-account"},
            # `class`, not `ingressClassName`: cert-manager 1.11 knows only the first, and Contour reads both.
            "solvers": [{"http01": {"ingress": {"class": INGRESS_CLASS}}}],
        }
        if acme.ca:
            spec["caBundle"] = base64.b64encode(acme.ca.encode()).decode()
        return self._issuer(f"{name}-acme", _ACME, {"acme": spec})

    def _in_cluster_ca(
        self, name: str, namespace: pulumi.Input[str]
    ) -> tuple[kubernetes.apiextensions.CustomResource, pulumi.Output[str]]:
        secret_name = "in-cluster-ca"  # noqa: S105 - a name, not a secret
        root = self._issuer(f"{name}-self-signed", "self-signed", {"selfSigned": {}})
        authority = kubernetes.apiextensions.CustomResource(
            f"{name}-ca-certificate",
            api_version=_API_VERSION,
            kind="Certificate",
            metadata={"name": secret_name, "namespace": namespace, "annotations": _WAIT_READY},
            spec={
                "isCA": True,
                "commonName": "tts-platform in-cluster CA",
                "secretName": secret_name,
                "duration": _CA_DURATION,
                "privateKey": {"algorithm": "ECDSA", "size": 256},
                "issuerRef": {"name": name_of(root), "kind": "ClusterIssuer"},
            },
            opts=pulumi.ResourceOptions(parent=self),
        )
        issuer = self._issuer(f"{name}-ca", _IN_CLUSTER_CA, {"ca": {"secretName": secret_name}}, [authority])
        return issuer, pulumi.Output.concat(namespace, "/", secret_name)

    def _issuer(
        self,
        resource_name: str,
        issuer_name: str,
        spec: dict[str, Any],
        after: list[pulumi.Resource] | None = None,
    ) -> kubernetes.apiextensions.CustomResource:
        return kubernetes.apiextensions.CustomResource(
            resource_name,
            api_version=_API_VERSION,
            kind="ClusterIssuer",
            metadata={"name": issuer_name, "annotations": _WAIT_READY},
            spec=spec,
            opts=pulumi.ResourceOptions(parent=self, depends_on=after),
        )
