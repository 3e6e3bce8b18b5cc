"""The connection to the cluster that everything is installed on.

Refuses the ambient kubeconfig's current context by never being without an explicit one.
"""

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    """A cluster that a kubeconfig describes."""

    kubeconfig: str
    context: str
    server: str
    """The API server's URL."""


def connect(name: str, args: ClusterArgs | None) -> kubernetes.Provider:
    """A provider for the cluster; without `args`, for one that does not exist yet.

    A preview through the latter lists every object all the same.
    """
    if args is not None:
        return _provider(name, args.kubeconfig, args.context, args.server)
    unknown = _unknown()
    return _provider(name, unknown, unknown, unknown)


def _provider(
    name: str, kubeconfig: pulumi.Input[str], context: pulumi.Input[str], server: pulumi.Input[str]
) -> kubernetes.Provider:
    return kubernetes.Provider(
        name,
        kubeconfig=kubeconfig,
        context=context,
        # Renewed credentials or a moved file are the same cluster. By default Pulumi would replace everything on it.
        cluster_identifier=server,
        # Otherwise a changed ConfigMap is deleted and made anew, and a pod that starts in between does not.
        enable_config_map_mutable=True,
    )


def _unknown() -> pulumi.Output[Any]:
    """An output whose value nobody knows, as of a resource that a preview would create."""
    nobody: set[pulumi.Resource] = set()
    return pulumi.Output(nobody, _answer(None), _answer(False))


async def _answer(value: Any) -> Any:
    return value
