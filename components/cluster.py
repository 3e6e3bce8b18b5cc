"""The connection to the cluster that everything is installed on.

Refuses the ambient kubeconfig's current context by never being without an explicit one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_kubernetes as kubernetes

RECORD_TYPE: Final = "tts-platform:cluster:Record"

SETTLED_TYPE: Final = "tts-platform:cluster:Settled"


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    """A cluster that a kubeconfig describes."""

    kubeconfig: pulumi.Input[str]
    """Path or text."""

    context: pulumi.Input[str]
    server: pulumi.Input[str]
    """The API server's URL."""


def connect(name: str, args: ClusterArgs | None) -> kubernetes.Provider:
    """A provider for the cluster; without `args`, for one that does not exist yet.

    A preview through the latter lists every object all the same.
    """
    ClusterRecord(f"{name}-record", args.server if args else None)
    if args is not None:
        return _provider(name, args.kubeconfig, args.context)
    return _provider(name, _unknown(), _unknown())


class ClusterRecord(pulumi.ComponentResource):
    """Which API server the stack's objects are at, kept in the state from the first moment of the first update."""

    server: pulumi.Input[str] | None
    """Its URL; None while there is no cluster."""

    def __init__(
        self, name: str, server: pulumi.Input[str] | None, opts: pulumi.ResourceOptions | None = None
    ):
        super().__init__(RECORD_TYPE, name, None, opts)
        self.server = server
        self.register_outputs({"server": self.server})


class SettledRecord(pulumi.ComponentResource):
    """The settings that cannot change without another cluster, kept in the state before anything else is made."""

    settled: Mapping[str, str]
    """By key."""

    def __init__(self, name: str, settled: Mapping[str, str], opts: pulumi.ResourceOptions | None = None):
        super().__init__(SETTLED_TYPE, name, None, opts)
        self.settled = settled
        self.register_outputs({"settled": dict(self.settled)})


def _provider(name: str, kubeconfig: pulumi.Input[str], context: pulumi.Input[str]) -> kubernetes.Provider:
    return kubernetes.Provider(
        name,
        kubeconfig=kubeconfig,
        context=context,
        # A constant: by default a new address, file or credential replaces the provider, and with it every object. On
        # the same cluster the new ones would adopt the old ones, and the old ones' deletion take both away.
        cluster_identifier=f"{pulumi.get_project()}/{pulumi.get_stack()}",
        # Otherwise a changed ConfigMap is deleted and made anew, and a pod that starts in between does not.
        enable_config_map_mutable=True,
        # Stacks whose provider has another identifier keep it: exchanging it would be the replacement itself.
        opts=pulumi.ResourceOptions(ignore_changes=["clusterIdentifier"]),
    )


def _unknown() -> pulumi.Output[Any]:
    """An output whose value nobody knows, as of a resource that a preview would create."""
    nobody: set[pulumi.Resource] = set()
    return pulumi.Output(nobody, _answer(None), _answer(False))


async def _answer(value: Any) -> Any:
    return value
