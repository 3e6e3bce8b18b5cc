"""A snapshot that another environment took, for the claims of a new one to begin with.

A VolumeSnapshot is of one namespace, and what it stands for in the storage system is not: its handle names it there.
Refuses to delete that when the new environment goes: it is the other one's. Refuses a handle that nobody knows, or one
whose snapshot is not ready within two minutes: a claim that is made from it would wait for ever.
https://kubernetes.io/docs/concepts/storage/volume-snapshots/#static
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import pulumi
import pulumi_kubernetes as kubernetes

from components.custom_resource import name_of
from components.tts.snapshot_job import names

_API_VERSION: Final = f"{names.API_GROUP}/{names.API_VERSION}"

_PATIENCE: Final = "2m"


@dataclass(frozen=True, kw_only=True)
class SeedArgs:
    """What a volume begins with."""

    content_name: str
    """How the name of the VolumeSnapshotContent begins, which is the cluster's."""

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
            metadata={"name": f"{args.content_name}-{_mark(args)}"},
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
            f"{name}-{args.volume}From",
            api_version=_API_VERSION,
            kind="VolumeSnapshot",
            metadata={
                "name": _name(args),
                "namespace": self._namespace,
                "annotations": {"pulumi.com/waitFor": "jsonpath={.status.readyToUse}=true"},
            },
            spec={
                "source": {"volumeSnapshotContentName": f"{args.content_name}-{_mark(args)}"},
                "volumeSnapshotClassName": args.snapshot_class,
            },
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[content],
                custom_timeouts=pulumi.CustomTimeouts(create=_PATIENCE, update=_PATIENCE),
            ),
        )
        return name_of(resource)


def _name(args: SeedArgs) -> str:
    return f"seed-{args.volume}-{_mark(args)}"


def _mark(args: SeedArgs) -> str:
    # What either object says of its source cannot change, so that another handle is another pair of objects. Of the
    # same names they would have to be deleted first, and Pulumi would replace whatever names them too: the claim.
    return sha256(args.handle.encode()).hexdigest()[:8]
