"""A snapshot that another environment took, for the claims of a new one to begin with.

A VolumeSnapshot is of one namespace, and what it stands for in the storage system is not: its handle names it there.
Refuses to delete that when the new environment goes: it is the other one's.
https://kubernetes.io/docs/concepts/storage/volume-snapshots/#static
"""

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

_API_VERSION = "snapshot.storage.k8s.io/v1"


@dataclass(frozen=True, kw_only=True)
class SeedArgs:
    """What a volume begins with."""

    content_name: str
    """Of the VolumeSnapshotContent, which is the cluster's."""

    volume: str
    handle: str
    """The snapshot's name in the storage system (snap-0123456789abcdef0 on EBS)."""

    driver: str
    snapshot_class: str


class Seed(pulumi.ComponentResource):
    """VolumeSnapshotContent and VolumeSnapshot of a handle."""

    snapshot: pulumi.Output[str]
    """Name of the VolumeSnapshot, for a claim to be made from."""

    def __init__(
        self,
        name: str,
        namespace: pulumi.Input[str],
        args: SeedArgs,
        opts: pulumi.ResourceOptions | None = None,
    ):
        super().__init__("tts-platform:tts:Seed", name, None, opts)
        self._namespace = namespace
        self.snapshot = self._snapshot(name, args, self._content(name, args))
        self.register_outputs({"snapshot": self.snapshot})

    def _content(self, name: str, args: SeedArgs) -> kubernetes.apiextensions.CustomResource:
        return kubernetes.apiextensions.CustomResource(
            f"{name}-content",
            api_version=_API_VERSION,
            kind="VolumeSnapshotContent",
            metadata={"name": args.content_name},
            spec={
                "deletionPolicy": "Retain",
                "driver": args.driver,
                "source": {"snapshotHandle": args.handle},
                "sourceVolumeMode": "Filesystem",
                "volumeSnapshotClassName": args.snapshot_class,
                "volumeSnapshotRef": {"name": _name(args), "namespace": self._namespace},
            },
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _snapshot(
        self, name: str, args: SeedArgs, content: kubernetes.apiextensions.CustomResource
    ) -> pulumi.Output[str]:
        resource = kubernetes.apiextensions.CustomResource(
            f"{name}-snapshot",
            api_version=_API_VERSION,
            kind="VolumeSnapshot",
            metadata={"name": _name(args), "namespace": self._namespace},
            spec={
                "source": {"volumeSnapshotContentName": args.content_name},
                "volumeSnapshotClassName": args.snapshot_class,
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[content]),
        )
        # What a custom resource has depends on its kind, so the SDK declares no properties on it.
        metadata: pulumi.Output[dict[str, str]] = getattr(resource, "metadata")  # noqa: B009
        return metadata["name"]


def _name(args: SeedArgs) -> str:
    return f"seed-{args.volume}"
