"""In production, a destroy or a replacement stops before what holds data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policy.model import Resource, Rule, Settings, aws, kubernetes

_ON_AWS: Final = aws(
    "efs/fileSystem:FileSystem", "s3/bucket:Bucket", "s3/bucketV2:BucketV2", "ebs/volume:Volume"
)
_IN_KUBERNETES: Final = kubernetes("Namespace", "PersistentVolumeClaim")


def _check(resource: Resource, settings: Settings) -> Iterator[str]:
    if resource.stack in settings["stacks"] and not resource.protect:
        yield f"The {resource.kind} is not protected."


RULES: Final = (
    Rule(
        name="data-protected",
        says="In production, what holds data is protected: namespaces, claims, file systems, buckets, volumes.",
        reason="What was spoken cannot be made again, and a change of a name is enough to replace it.",
        fix="Give it the option protect; deletionProtection is to be true, until a destroy is meant.",
        types=lambda type_: _ON_AWS(type_) or _IN_KUBERNETES(type_),
        check=_check,
        settings={"stacks": ("prod",)},
        settings_about={"stacks": "The stacks that are production."},
    ),
)
