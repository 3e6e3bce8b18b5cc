"""What AWS keeps for us is encrypted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from policy.buckets import unserved
from policy.model import Resource, Rule, Settings, aws, each

_STORAGE_CLASS: Final = "kubernetes:storage.k8s.io/v1:StorageClass"
_TEMPLATE: Final = "LaunchTemplate"
_INSTANCE: Final = "Instance"
_AS_THE_IMAGE: Final = "Its volumes are as the image has them, not encrypted."


def is_on(value: Any) -> bool:
    """Whether a flag is set, which some resources write as text."""
    return str(value).lower() == "true"


def _check_disk(device: Mapping[str, Any], disk: Mapping[str, Any]) -> Iterator[str]:
    if not is_on(disk.get("encrypted")):
        yield f"Volume {device.get('deviceName', '?')} is not encrypted."


def _check_volumes(resource: Resource, _: Settings) -> Iterator[str]:
    properties = resource.properties
    if resource.type == _STORAGE_CLASS:
        parameters = properties.get("parameters") or {}
        if properties.get("provisioner") == "ebs.csi.aws.com" and not is_on(parameters.get("encrypted")):
            yield "Its volumes are not encrypted."
    elif resource.kind == _TEMPLATE:
        mappings = properties.get("blockDeviceMappings") or ()
        if not mappings:
            yield _AS_THE_IMAGE
        yield from each(mappings, lambda mapping: _check_disk(mapping, mapping.get("ebs") or {}))
    elif resource.kind == _INSTANCE:
        root = properties.get("rootBlockDevice")
        yield from [_AS_THE_IMAGE] if root is None else _check_disk({"deviceName": "/"}, root)
        yield from each(properties.get("ebsBlockDevices") or (), lambda disk: _check_disk(disk, disk))
    elif not is_on(properties.get("encrypted")):
        yield f"The {resource.kind} is not encrypted."


def _check_secrets(cluster: Resource, _: Settings) -> Iterator[str]:
    encryption = cluster.properties.get("encryptionConfig") or {}
    if "secrets" not in (encryption.get("resources") or ()):
        yield "The cluster's Secrets have no key of ours."


def _check_buckets(resources: Sequence[Resource], _: Settings) -> Iterator[tuple[Resource, str]]:
    for bucket in unserved(resources, "BucketServerSideEncryptionConfiguration"):
        yield bucket, "The bucket does not say how it is encrypted."


RULES: Final = (
    Rule(
        name="volume-encrypted",
        says="Every volume, file system and copy of a snapshot is encrypted.",
        reason="A disk that is given back, or a snapshot that is shared, can otherwise be read by others.",
        fix='Set encrypted to true; in a StorageClass, the parameter encrypted: "true".',
        types=lambda type_: (
            type_ == _STORAGE_CLASS
            or aws(
                "ec2/launchTemplate:LaunchTemplate",
                "ec2/instance:Instance",
                "ebs/volume:Volume",
                "ebs/snapshotCopy:SnapshotCopy",
                "efs/fileSystem:FileSystem",
            )(type_)
        ),
        check=_check_volumes,
    ),
    Rule(
        name="cluster-secrets-encrypted",
        says="EKS encrypts its Secrets with a key of ours.",
        reason="Who may use a key of ours is our decision, and is logged.",
        fix='Set encryptionConfig with resources ["secrets"] and the ARN of a KMS key.',
        types=aws("eks/cluster:Cluster"),
        check=_check_secrets,
    ),
    Rule(
        name="bucket-encrypted",
        says="Every bucket says how it is encrypted.",
        reason="What people have spoken is in it.",
        fix="Add a BucketServerSideEncryptionConfiguration for it.",
        types=lambda type_: type_.startswith("aws:s3/"),
        stack_check=_check_buckets,
    ),
)
