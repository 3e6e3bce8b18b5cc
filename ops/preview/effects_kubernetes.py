"""What a change to an object of Kubernetes means for a service that runs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ops.preview.plan import Change
from ops.preview.rows import DATA, DOWN, NOTE, Row, altered, changed, deleted, gone, replaced, touches

CLAIM: Final = "kubernetes:core/v1:PersistentVolumeClaim"
PODS: Final = touches("spec.template")
_GPU: Final = "nvidia.com/gpu"


def _surging_pods(change: Change) -> bool:
    strategy = (change.new.get("spec") or {}).get("strategy") or {}
    surge = (strategy.get("rollingUpdate") or {}).get("maxSurge", 1)
    return PODS(change) and strategy.get("type") != "Recreate" and surge not in (0, "0")


def _has_gpus(change: Change) -> bool:
    """Whether its pods hold a model, which takes minutes to load. Contour's and cert-manager's do not."""
    pod = ((change.new.get("spec") or {}).get("template") or {}).get("spec") or {}
    limits = [(item.get("resources") or {}).get("limits") or {} for item in pod.get("containers") or []]
    return any(_GPU in item for item in limits)


def _model_pods(change: Change) -> bool:
    return PODS(change) and _has_gpus(change)


def _number_of_model_pods(change: Change) -> bool:
    return touches("spec.replicas")(change) and _has_gpus(change)


_TABLE: Final = {
    CLAIM: (
        gone(DATA, "The claim goes, and its volume with all that was written to it."),
        changed(NOTE, "The volume grows in place, and never shrinks again.", touches("spec.resources")),
    ),
    "kubernetes:core/v1:PersistentVolume": (
        gone(DATA, "The volume goes. Whether its disk does is up to its reclaim policy."),
    ),
    "kubernetes:core/v1:Namespace": (
        gone(DATA, "Everything in the namespace goes, claims and their data included."),
    ),
    "kubernetes:snapshot.storage.k8s.io/v1:VolumeSnapshotClass": (
        gone(NOTE, "No snapshot can be taken meanwhile. Those that there are stay."),
    ),
    "kubernetes:snapshot.storage.k8s.io/": (gone(DATA, "The snapshot goes: there is no way back to it."),),
    "kubernetes:argoproj.io/v1alpha1:Application": (
        gone(DATA, "Argo CD deletes what it delivers: the service, and its claims unless they are kept."),
        changed(
            DATA,
            "Argo CD delivers to another place, and deletes what is in the old one, claims too unless they are kept.",
            touches("spec.destination"),
        ),
        changed(
            DOWN,
            "Argo CD delivers from another place, and deletes what that does not have, the service too.",
            touches("spec.source", "spec.sources"),
        ),
        changed(NOTE, "Argo CD delivers otherwise from now on."),
    ),
    "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition": (
        gone(DATA, "Every object of the kind goes with its definition, in all namespaces."),
    ),
    "kubernetes:projectcontour.io/v1:HTTPProxy": (
        gone(DOWN, "The route goes: running streams are dropped, and clients get 404 while there is none."),
        changed(
            DOWN,
            "The service has another name: clients of the old one get 404, and their streams are dropped.",
            touches("spec.virtualhost.fqdn"),
        ),
        changed(NOTE, "Envoy takes the route over in place. Streams that run go on by the old one."),
    ),
    "kubernetes:apps/v1:Deployment": (
        gone(
            DOWN, "The pods go: running syntheses are cut off, and nobody answers until new ones are ready."
        ),
        changed(
            NOTE,
            "New pods, each beside an old one that goes when it is ready. Streams that run get time to end.",
            _surging_pods,
        ),
        changed(
            DOWN,
            "Rollout in place: the old pod goes first, and nobody answers until the model is loaded again.",
            _model_pods,
        ),
        changed(
            DOWN,
            "Rollout in place: the old pod goes first, and nobody answers until a new one is ready.",
            PODS,
        ),
        changed(
            NOTE,
            "Another number of pods. Each wants its GPUs; one that goes ends its streams first.",
            _number_of_model_pods,
        ),
        changed(NOTE, "Another number of pods.", touches("spec.replicas")),
    ),
    "kubernetes:apps/v1:DaemonSet": (
        gone(DOWN, "Its pods go from every node; of Envoy's, all streams are dropped."),
        changed(
            DOWN,
            "Its pods are replaced, node by node; of Envoy's, the streams through that node are cut.",
            PODS,
        ),
    ),
    "kubernetes:apps/v1:StatefulSet": (gone(DOWN, "Its pods go, and come back one by one."),),
    "kubernetes:storage.k8s.io/v1:StorageClass": (
        gone(
            NOTE,
            "The class is gone for a moment, or for good. Volumes that there are stay as they are; new ones need it.",
        ),
    ),
    "kubernetes:cert-manager.io/v1:Certificate": (
        deleted(
            DOWN, "Nobody renews the certificate any more: HTTPS ends when the one that there is runs out."
        ),
        replaced(
            DOWN,
            "A new certificate is ordered, within the issuer's rate limits. Until then Envoy has the old one, or none.",
        ),
        changed(NOTE, "A new certificate is ordered. The name has to lead to the edge for that."),
    ),
    "kubernetes:cert-manager.io/v1:ClusterIssuer": (
        altered(NOTE, "Certificates are renewed by another account or authority."),
    ),
    "kubernetes:core/v1:Secret": (
        gone(DOWN, "What reads the secret has none until there is a new one."),
        changed(
            NOTE,
            "The secret has another content, not shown. What read it at its start goes on with the old one.",
        ),
    ),
    "kubernetes:batch/v1:Job": (
        replaced(
            NOTE, "It runs once more. The one of an upgrade takes a snapshot, which the new pods wait for."
        ),
    ),
    "kubernetes:batch/v1:CronJob": (
        gone(NOTE, "What it does at its times is not done: without the one for snapshots nobody takes any."),
    ),
    "kubernetes:rbac.authorization.k8s.io/": (
        gone(NOTE, "What has its rights by it is refused until it is back."),
    ),
    "kubernetes:admissionregistration.k8s.io/": (
        gone(NOTE, "The API server takes what it checked without a look, or as it is written."),
    ),
    "kubernetes:argoproj.io/v1alpha1:AppProject": (
        gone(DOWN, "Argo CD delivers nothing more: what is merged does not come to the cluster."),
    ),
    "kubernetes:core/v1:Service": (
        gone(DOWN, "The pods have no address meanwhile: requests fail with 503."),
    ),
    "kubernetes:networking.k8s.io/v1:NetworkPolicy": (
        gone(DOWN, "What the policy refused is open without it, and what it allowed may be refused."),
        changed(NOTE, "Other peers may reach the pods, or be reached by them, at once."),
    ),
}

OF_KUBERNETES: Final[Mapping[str, tuple[Row, ...]]] = MappingProxyType(_TABLE)
"""By type, or by what types begin with where it ends in a slash or a colon."""
