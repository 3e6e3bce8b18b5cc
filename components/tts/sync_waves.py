"""In which order Argo CD makes the service's objects: the order in which the components depend on each other.

Argo CD applies one wave, waits until all of it is healthy, and goes on to the next; the last is waited for by nobody.
https://argo-cd.readthedocs.io/en/stable/user-guide/sync-waves/
"""

from typing import Final

SYNC_WAVE: Final = "argocd.argoproj.io/sync-wave"
"""Annotation of an object: the number of its wave."""

SYNC_WAVES: Final = (
    # A pod does not start without its account and its environment, and none may run without the policies.
    (
        ("", "ServiceAccount"),
        ("", "ConfigMap"),
        ("rbac.authorization.k8s.io", "Role"),
        ("rbac.authorization.k8s.io", "RoleBinding"),
        ("networking.k8s.io", "NetworkPolicy"),
    ),
    # The snapshot before an upgrade. Where it fails the sync ends here, and the old pods serve on.
    (("batch", "Job"),),
    # All at once. With a wave after the pods, a version that never gets ready would keep the sync going, and the commit
    # that takes it back would wait for its end. A claim stays pending until a pod mounts it, so that a wave of its own
    # would never be over.
    (
        ("", "PersistentVolumeClaim"),
        ("apps", "Deployment"),
        ("", "Service"),
        ("policy", "PodDisruptionBudget"),
        ("batch", "CronJob"),
        ("cert-manager.io", "Certificate"),
        ("projectcontour.io", "HTTPProxy"),
    ),
)
"""Group and kind of everything that is in the service's namespace, by the number of the wave."""

KINDS: Final = tuple(kind for wave in SYNC_WAVES for kind in wave)


def sync_wave(api_version: str, kind: str) -> int:
    """The wave of an object. Raises KeyError for a kind that has none."""
    group = api_version.rpartition("/")[0]
    return _BY_KIND[group, kind]


_BY_KIND: Final = {kind: number for number, wave in enumerate(SYNC_WAVES) for kind in wave}
