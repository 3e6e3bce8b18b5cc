"""What is changed in Argo CD's release manifest: what is left out, and what is set.

Whose environment carries a setting reads it once, at the start: a new value must be new pods. The rest is watched.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from components.argo_access import OidcSignIn, policy, sign_in
from components.argo_health import health_checks
from components.argo_secrets import server_secrets
from components.upstream.objects import Change, Drop, KubernetesObject

_DEX: Final = (
    Drop(kind="ServiceAccount", name="argocd-dex-server"),
    Drop(kind="Role", name="argocd-dex-server"),
    Drop(kind="RoleBinding", name="argocd-dex-server"),
    Drop(kind="Service", name="argocd-dex-server"),
    Drop(kind="Deployment", name="argocd-dex-server"),
    Drop(kind="NetworkPolicy", name="argocd-dex-server-network-policy"),
)

_APPLICATION_SETS: Final = (
    Drop(kind="ServiceAccount", name="argocd-applicationset-controller"),
    Drop(kind="Role", name="argocd-applicationset-controller"),
    Drop(kind="RoleBinding", name="argocd-applicationset-controller"),
    Drop(kind="ClusterRole", name="argocd-applicationset-controller"),
    Drop(kind="ClusterRoleBinding", name="argocd-applicationset-controller"),
    Drop(kind="Service", name="argocd-applicationset-controller"),
    Drop(kind="Deployment", name="argocd-applicationset-controller"),
    Drop(kind="NetworkPolicy", name="argocd-applicationset-controller-network-policy"),
)

_NOTIFICATIONS: Final = (
    Drop(kind="ServiceAccount", name="argocd-notifications-controller"),
    Drop(kind="Role", name="argocd-notifications-controller"),
    Drop(kind="RoleBinding", name="argocd-notifications-controller"),
    Drop(kind="ConfigMap", name="argocd-notifications-cm"),
    Drop(kind="Secret", name="argocd-notifications-secret"),
    Drop(kind="Service", name="argocd-notifications-controller-metrics"),
    Drop(kind="Deployment", name="argocd-notifications-controller"),
    Drop(kind="NetworkPolicy", name="argocd-notifications-controller-network-policy"),
)

_SERVER_PORT: Final = 8080
_METRICS_PORT: Final = 8083

_PARAMETERS: Final = {
    # TLS ends at Envoy.
    "server.insecure": "true",
    # Each object's health, with its reason, stands in the Application: kubectl says why, and not the UI alone.
    "controller.resource.health.persist": "true",
}


@dataclass(frozen=True, kw_only=True)
class ArgoCdChanges:
    """What an environment changes."""

    url: str | None
    edge_cidrs: tuple[str, ...]
    """Of edge nodes whose Envoy has its node's address, and reaches the server."""

    admin: bool
    oidc: OidcSignIn | None
    deployers: tuple[str, ...]
    webhook_secret: pulumi.Input[str] | None
    poll_seconds: int
    notifications: bool

    def all(self) -> Iterator[Change | Drop]:
        """Every change, each of which must find its object."""
        yield from (*_DEX, *_APPLICATION_SETS)
        if not self.notifications:
            yield from _NOTIFICATIONS
        yield Change(kind="ConfigMap", name="argocd-cm", apply=lambda item: _set(item, self._settings()))
        yield Change(
            kind="ConfigMap", name="argocd-cmd-params-cm", apply=lambda item: _set(item, _PARAMETERS)
        )
        yield Change(
            kind="ConfigMap",
            name="argocd-rbac-cm",
            apply=lambda item: _set(item, policy(self.oidc, self.deployers)),
        )
        yield Change(kind="Secret", name="argocd-secret", apply=self._keep_secrets)
        yield Change(kind="NetworkPolicy", name="argocd-server-network-policy", apply=self._close)
        yield Change(kind="Deployment", name="argocd-server", apply=self._restart)
        yield Change(kind="Deployment", name="argocd-repo-server", apply=self._restart)
        yield Change(kind="StatefulSet", name="argocd-application-controller", apply=self._restart)

    def _settings(self) -> dict[str, str]:
        return {
            **({"url": self.url} if self.url else {}),
            **sign_in(self.oidc, admin=self.admin),
            **self._polling(),
            **health_checks(),
            # What is Argo CD's is marked by an annotation. A label of 63 characters is cut, and is copied by
            # controllers to what they make.
            "application.resourceTrackingMethod": "annotation",
            # Plain manifests only. A kustomization.yaml could fetch from anywhere, and a chart or a jsonnet runs code.
            "kustomize.enable": "false",
            "helm.enable": "false",
            "jsonnet.enable": "false",
        }

    def _polling(self) -> dict[str, str]:
        return {
            "timeout.reconciliation": f"{self.poll_seconds}s",
            # It spreads out hundreds of Applications. There is one.
            "timeout.reconciliation.jitter": "0s",
        }

    def _keep_secrets(self, secret: KubernetesObject) -> None:
        kept = server_secrets(self.oidc, self.webhook_secret)
        if kept is not None:
            secret["data"] = kept

    def _close(self, network_policy: KubernetesObject) -> None:
        """Upstream's lets everybody in, and on some clouds pods have addresses that the whole network reaches."""
        pods: list[dict[str, Any]] = [{"namespaceSelector": {}}]
        # In its node's network Envoy has the node's address, and no selector of pods matches it.
        envoys = [{"ipBlock": {"cidr": cidr}} for cidr in self.edge_cidrs]
        network_policy["spec"]["ingress"] = [
            {"from": [*pods, *envoys], "ports": [{"port": _SERVER_PORT, "protocol": "TCP"}]},
            {"from": pods, "ports": [{"port": _METRICS_PORT, "protocol": "TCP"}]},
        ]

    def _restart(self, workload: KubernetesObject) -> None:
        read_once = json.dumps({**_PARAMETERS, **self._polling()}, sort_keys=True)
        annotations = workload["spec"]["template"]["metadata"].setdefault("annotations", {})
        annotations["tts-platform/configuration"] = hashlib.sha256(read_once.encode()).hexdigest()


def _set(config_map: KubernetesObject, keys: Mapping[str, str]) -> None:
    config_map.setdefault("data", {}).update(keys)
