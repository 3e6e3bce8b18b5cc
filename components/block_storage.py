"""The storage class of the service's EBS volumes.

The disks themselves are made by the CSI driver, one for each claim, and carry the tags that the driver's add-on is
told to give (`extraVolumeTags`).

Refuses to be the cluster's default class: a claim that names no class is somebody else's, and gets what the cluster
gave it before.

- gp3, 3000 IOPS and 125 MiB/s whatever its size: https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html
- Encrypted by the account's key for EBS: https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption.html
- The driver: https://docs.aws.amazon.com/eks/latest/userguide/ebs-csi.html
"""

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from components.storage_backend import EBS_DRIVER, EBS_STORAGE_CLASS


@dataclass(frozen=True, kw_only=True)
class BlockStorageArgs:
    """What an environment decides about its disks."""

    keep: bool
    """Whether a disk outlives the claim that it was made for."""


class BlockStorage(pulumi.ComponentResource):
    """The class of encrypted gp3 disks that can grow.

    A disk is made in the zone of the first pod that mounts it, and only pods in that zone can mount it from then on.
    """

    storage_class: pulumi.Output[str]
    """Name of the class, for a claim to name."""

    def __init__(self, name: str, args: BlockStorageArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("tts-platform:storage:BlockStorage", name, None, opts)
        policy = "Retain" if args.keep else "Delete"
        self.storage_class = self._storage_class(name, policy)
        self.register_outputs({"storage_class": self.storage_class})

    def _storage_class(self, name: str, policy: str) -> pulumi.Output[str]:
        resource = kubernetes.storage.v1.StorageClass(
            f"{name}-storage-class",
            metadata={"name": EBS_STORAGE_CLASS},
            provisioner=EBS_DRIVER,
            parameters={"type": "gp3", "encrypted": "true"},
            allow_volume_expansion=True,
            # A disk made at once would be in a zone of chance, where no GPU node may be.
            volume_binding_mode="WaitForFirstConsumer",
            reclaim_policy=policy,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return resource.metadata["name"]
