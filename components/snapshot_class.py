"""How a cluster's storage takes snapshots for one environment, and what becomes of them when their objects go.

https://kubernetes.io/docs/concepts/storage/volume-snapshot-classes/
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi

from components.tts.snapshot_job.names import API_GROUP, API_VERSION
from components.upstream.install import PROVIDER_VERSION


def snapshot_class_name(namespace: str) -> str:
    """Name of the class of the service in `namespace`: classes are the cluster's, and environments may share one."""
    return f"{namespace}-snapshots"


@dataclass(frozen=True, kw_only=True)
class SnapshotClassArgs:
    """What an environment decides about its snapshots."""

    namespace: str
    """Of the service."""

    driver: str
    """Name of the CSI driver that made the volumes: it alone can take snapshots of them."""

    keep: bool
    """Whether a snapshot outlives its VolumeSnapshot, and so its namespace and its cluster."""

    parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    """Of the driver's own."""


class SnapshotClass(pulumi.ComponentResource):
    """The VolumeSnapshotClass."""

    def __init__(self, name: str, args: SnapshotClassArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("tts-platform:storage:SnapshotClass", name, None, opts)
        # `driver` and `deletionPolicy` stand beside `metadata`, where apiextensions.CustomResource takes only `spec`.
        pulumi.CustomResource(
            f"kubernetes:{API_GROUP}/{API_VERSION}:VolumeSnapshotClass",
            f"{name}-class",
            {
                "apiVersion": f"{API_GROUP}/{API_VERSION}",
                "kind": "VolumeSnapshotClass",
                "metadata": {"name": snapshot_class_name(args.namespace)},
                "driver": args.driver,
                "deletionPolicy": "Retain" if args.keep else "Delete",
                "parameters": dict(args.parameters) or None,
            },
            pulumi.ResourceOptions(parent=self, version=PROVIDER_VERSION),
        )
        self.register_outputs({})
