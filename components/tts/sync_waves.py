"""In which order Argo CD makes the service's objects: the order in which the components depend on each other.

Argo CD applies one wave, waits until all of it is healthy, and goes on to the next.
https://argo-cd.readthedocs.io/en/stable/user-guide/sync-waves/
"""

from dataclasses import dataclass
from typing import Final

SYNC_WAVE: Final = "argocd.argoproj.io/sync-wave"
"""Annotation of an object: the number of its wave."""


@dataclass(frozen=True, kw_only=True)
class SyncWave:
    """Kinds that come together, and why then."""

    kinds: tuple[tuple[str, str], ...]
    """Group and kind; the core group is empty."""

    reason: str


_NAMESPACE = ("", "Namespace")

SYNC_WAVES: Final = (
    SyncWave(kinds=(_NAMESPACE,), reason="Everything else is in it."),
    SyncWave(
        kinds=(("", "ServiceAccount"), ("", "ConfigMap"), ("networking.k8s.io", "NetworkPolicy")),
        reason="A pod does not start without its account and its environment, and none may run without the policies.",
    ),
    SyncWave(
        kinds=(
            ("", "PersistentVolumeClaim"),
            ("apps", "Deployment"),
            ("", "Service"),
            ("policy", "PodDisruptionBudget"),
        ),
        reason="A claim may stay pending until a pod mounts it, and the pod would wait for an earlier wave for ever.",
    ),
    SyncWave(
        kinds=(("cert-manager.io", "Certificate"), ("projectcontour.io", "HTTPProxy")),
        reason="The way in opens once there is somebody who answers.",
    ),
)
"""By number. Whatever the service is made of is in it."""

KINDS: Final = tuple(kind for wave in SYNC_WAVES for kind in wave.kinds if kind != _NAMESPACE)
"""Every kind that is in the service's namespace."""


def sync_wave(api_version: str, kind: str) -> int:
    """The wave of an object. Raises KeyError for a kind that has none."""
    group = api_version.rpartition("/")[0]
    return _BY_KIND[group, kind]


_BY_KIND: Final = {kind: number for number, wave in enumerate(SYNC_WAVES) for kind in wave.kinds}
