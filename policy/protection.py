"""In production, a destroy or a replacement stops before what holds data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from policy.aws_encryption import is_on
from policy.model import Resource, Rule, Settings, aws, kubernetes

_CLUSTER: Final = "aws:eks/cluster:Cluster"

_ON_AWS: Final = aws(
    "efs/fileSystem:FileSystem",
    "s3/bucket:Bucket",
    "s3/bucketV2:BucketV2",
    "ebs/volume:Volume",
    "ebs/snapshot:Snapshot",
    "eks/cluster:Cluster",
)
_IN_KUBERNETES: Final = kubernetes("Namespace", "PersistentVolumeClaim")

_UNPROTECTED: Final = {
    "aws:kms/key:Key": "AWS keeps a deleted key for 30 days, in which it can be had back.",
    "aws:cloudwatch/logGroup:LogGroup": "A destroy takes it along; only another cluster's name replaces it.",
    "kubernetes:core/v1:PersistentVolume": "It keeps its bucket (Retain), which is protected.",
    "kubernetes:snapshot.storage.k8s.io/": "One that a volume begins with keeps the storage's own (Retain).",
    "kubernetes:argoproj.io/v1alpha1:Application": "The claims that Argo CD delivers are kept (Prune=false).",
    "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition": "What is of the kind is made anew from the code.",
}

UNPROTECTED: Final[Mapping[str, str]] = MappingProxyType(_UNPROTECTED)
"""Types of which a preview says that data goes with them, and why the rule does not ask to protect them.

One that ends in a slash or a colon stands for all that begin so.
"""


def is_looked_at(type_: str) -> bool:
    """Whether the rule is about resources of this type."""
    return _ON_AWS(type_) or _IN_KUBERNETES(type_)


def _is_production(stack: str, settings: Settings) -> bool:
    return any(stack == name or stack.startswith(f"{name}-") for name in settings["stacks"])


def _check(resource: Resource, settings: Settings) -> Iterator[str]:
    if resource.protect or not _is_production(resource.stack, settings):
        return
    # AWS itself refuses to delete such a cluster. Protected, it would keep the network alive through every destroy.
    if resource.type == _CLUSTER and is_on(resource.properties.get("deletionProtection")):
        return
    yield f"The {resource.kind} is not protected."


RULES: Final = (
    Rule(
        name="data-protected",
        says="In production, what holds data is protected: namespaces, claims, file systems, buckets, disks, clusters.",
        reason="What was spoken cannot be made again, and a change of a name is enough to replace it.",
        fix="Give it the option protect; deletionProtection is to be true, until a destroy is meant.",
        types=is_looked_at,
        check=_check,
        settings={"stacks": ("prod",)},
        settings_about={"stacks": "The stacks that are production; prod means prod-eu too."},
    ),
)
