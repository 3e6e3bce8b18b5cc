"""The storage class of the service's EBS volumes.

The disks themselves are made by the CSI driver, one for each claim, and carry the tags that the driver's add-on is
told to give (`extraVolumeTags`).

Refuses to be the cluster's default class: a claim that names no class is somebody else's, and gets what the cluster
gave it before.

- gp3, 3000 IOPS and 125 MiB/s whatever its size: https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html
- Encrypted by the account's key for EBS: https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption.html
- The driver: https://docs.aws.amazon.com/eks/latest/userguide/ebs-csi.html
- Snapshots: https://docs.aws.amazon.com/eks/latest/userguide/csi-snapshot-controller.html
"""

from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_kubernetes as kubernetes

from components.storage_backend import EBS_STORAGE_CLASS
from components.upstream.install import PROVIDER_VERSION

_DRIVER: Final = "ebs.csi.aws.com"


@dataclass(frozen=True, kw_only=True)
class BlockStorageArgs:
    """What an environment decides about its disks."""

    keep: bool
    """Whether a disk, and a snapshot, outlives the claim that it was made for."""

    snapshots: bool
    """Whether snapshots are wanted. Takes the snapshot-controller add-on, which brings their kinds."""


class BlockStorage(pulumi.ComponentResource):
    """The class of encrypted gp3 disks that can grow, and the class of their snapshots where asked for.

    A disk is made in the zone of the first pod that mounts it, and only pods in that zone can mount it from then on.
    """

    storage_class: pulumi.Output[str]
    """Name of the class, for a claim to name."""

    snapshot_class: pulumi.Output[str] | None
    """Name of the snapshots' class; None where none are wanted."""

    def __init__(self, name: str, args: BlockStorageArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("tts-platform:storage:BlockStorage", name, None, opts)
        policy = "Retain" if args.keep else "Delete"
        self.storage_class = self._storage_class(name, policy)
        self.snapshot_class = self._snapshot_class(name, policy) if args.snapshots else None
        self.register_outputs({"storage_class": self.storage_class, "snapshot_class": self.snapshot_class})

    def _storage_class(self, name: str, policy: str) -> pulumi.Output[str]:
        resource = kubernetes.storage.v1.StorageClass(
            f"{name}-storage-class",
            metadata={"name": EBS_STORAGE_CLASS},
            provisioner=_DRIVER,
            parameters={"type": "gp3", "encrypted": "true"},
            allow_volume_expansion=True,
            # A disk made at once would be in a zone of chance, where no GPU node may be.
            volume_binding_mode="WaitForFirstConsumer",
            reclaim_policy=policy,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return resource.metadata["name"]

    def _snapshot_class(self, name: str, policy: str) -> pulumi.Output[str]:
        # `driver` and `deletionPolicy` stand beside `metadata`, where apiextensions.CustomResource takes only `spec`.
        pulumi.CustomResource(
            "kubernetes:snapshot.storage.k8s.io/v1:VolumeSnapshotClass",
            f"{name}-snapshot-class",
            {
                "apiVersion": "snapshot.storage.k8s.io/v1",
                "kind": "VolumeSnapshotClass",
                "metadata": {"name": EBS_STORAGE_CLASS},
                "driver": _DRIVER,
                "deletionPolicy": policy,
            },
            pulumi.ResourceOptions(parent=self, version=PROVIDER_VERSION),
        )
        return pulumi.Output.from_input(EBS_STORAGE_CLASS)
