"""Where the speech service's volumes live on AWS: names that settings, manifests and components share.

Imports no provider's SDK, since the settings' checks use it too.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from components.tts.rollout import OUTPUTS_CLAIM

if TYPE_CHECKING:
    from pulumi import Input


class StorageBackend(StrEnum):
    """The kinds of storage to choose from (https://docs.aws.amazon.com/eks/latest/userguide/storage.html)."""

    EBS = "ebs"
    """A gp3 disk: the fastest, in one zone, for one node at a time (ReadWriteOnce). Has CSI snapshots."""

    EFS = "efs"
    """An NFS file system in every zone, for any number of nodes (ReadWriteMany). Has backups, no CSI snapshots."""

    S3 = "s3"
    """A bucket, for the outputs only: a file is written once, from beginning to end, and neither changed nor renamed
    (https://github.com/awslabs/mountpoint-s3/blob/main/doc/SEMANTICS.md). Has versions, no CSI snapshots."""


EBS_DRIVER: Final = "ebs.csi.aws.com"
EBS_STORAGE_CLASS: Final = "tts-ebs-gp3"
EFS_STORAGE_CLASS: Final = "tts-efs"


@dataclass(frozen=True, kw_only=True)
class Provisioning:
    """What the service's claims ask for: a class that makes volumes, or a volume that is there."""

    storage_class: "Input[str] | None" = None
    """None where the volume is named, and for the cluster's default class."""

    volume_name: "Input[str] | None" = None


def outputs_volume_name(namespace: str) -> str:
    """Name of the PersistentVolume that stands for the bucket of the service in `namespace`.

    The namespace is in it because volumes are the cluster's, and two environments may share one. It is known before
    anything is made, so that a manifest rendered without AWS can name the volume.
    """
    return f"{namespace}-{OUTPUTS_CLAIM}"
