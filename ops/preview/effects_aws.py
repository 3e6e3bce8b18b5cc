"""What a change to a resource of AWS means for a service that runs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ops.preview.gpu_nodes import NODE_GROUP, is_gpu_pool, takes_the_last_gpu
from ops.preview.plan import Change, Op
from ops.preview.rows import (
    DATA,
    DOWN,
    GPUS,
    NOTE,
    Condition,
    Row,
    altered,
    changed,
    deleted,
    gone,
    of,
    replaced,
    touches,
)


def _becomes(text: str) -> Condition:
    return lambda change: any(leaf.after == text for leaf in change.leaves)


def _expires(change: Change) -> bool:
    """Whether a rule deletes what none has deleted, or sooner."""
    return any(
        leaf.after is not None and not _later(leaf.before, leaf.after)
        for leaf in change.leaves
        if "xpiration." in leaf.path
    )


def _later(before: str | None, after: str) -> bool:
    return before is not None and before.isdigit() and after.isdigit() and int(after) >= int(before)


_TABLE: Final = {
    "aws:efs/fileSystem:FileSystem": (gone(DATA, "The file system goes, with all that was written to it."),),
    "aws:efs/mountTarget:MountTarget": (
        gone(DOWN, "Pods of that zone lose their volume: writes hang until it is back."),
    ),
    "aws:efs/backupPolicy:BackupPolicy": (
        gone(NOTE, "Backups stop. Those that there are stay."),
        changed(NOTE, "Backups stop. Those that there are stay.", _becomes("DISABLED")),
    ),
    "aws:efs/fileSystemPolicy:FileSystemPolicy": (
        gone(NOTE, "Whoever reaches the file system may mount it, meanwhile or for good."),
    ),
    "aws:ebs/volume:Volume": (gone(DATA, "The disk goes, with all that was written to it."),),
    "aws:ebs/snapshot:Snapshot": (gone(DATA, "The snapshot goes: there is no way back to it."),),
    "aws:s3/bucket:Bucket": (gone(DATA, "The bucket goes, with every utterance in it."),),
    "aws:s3/bucketV2:BucketV2": (gone(DATA, "The bucket goes, with every utterance in it."),),
    "aws:s3/bucketVersioning:BucketVersioning": (
        gone(NOTE, "What is deleted or overwritten in the bucket from now on cannot be had back."),
        changed(
            NOTE,
            "What is deleted or overwritten in the bucket from now on cannot be had back.",
            _becomes("Suspended"),
        ),
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": (
        of(Op.UPDATE, Op.REPLACE)(
            DATA, "S3 deletes what is older than the rule says, what is there already included.", _expires
        ),
        altered(NOTE, "Files get cheaper, and old versions go, at another age, or not at all."),
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": (
        altered(NOTE, "Nothing keeps the bucket from being made public meanwhile, or for good."),
    ),
    "aws:s3/bucketPolicy:BucketPolicy": (altered(NOTE, "Others may read or write the bucket."),),
    "aws:dlm/lifecyclePolicy:LifecyclePolicy": (
        gone(NOTE, "Nobody takes daily snapshots any more, or copies them. Those that there are stay."),
        changed(NOTE, "Snapshots are taken, copied and kept at other times."),
    ),
    "aws:cloudwatch/logGroup:LogGroup": (
        gone(DATA, "The logs go: who did what, and who came, cannot be looked up any more."),
        changed(NOTE, "Logs are kept for another time; what is older goes.", touches("retentionInDays")),
    ),
    "aws:kms/key:Key": (
        gone(DATA, "What is encrypted with the key cannot be read again once the key is gone."),
    ),
    "aws:eks/cluster:Cluster": (
        gone(DATA, "The whole cluster goes: the service, and every volume that its storage does not retain."),
        changed(
            DOWN,
            "EKS upgrades the control plane. There is no way back to the old version.",
            touches("version"),
        ),
    ),
    NODE_GROUP: (
        altered(
            GPUS, "No GPU node is left: nobody is answered until there is one again.", takes_the_last_gpu
        ),
        replaced(
            DOWN,
            "New GPU nodes come, the old ones are drained. Each pod is minutes without a GPU: image, then model.",
            is_gpu_pool,
        ),
        deleted(DOWN, "The GPU nodes go, and what speaks on them.", is_gpu_pool),
        replaced(
            DOWN, "New edge nodes come first, then the old ones are drained: streams through them are cut."
        ),
        deleted(DOWN, "The edge nodes go, and every stream through them."),
        changed(
            DOWN,
            "Nodes are drained and replaced, one at a time: a pod on one is away until its model is loaded elsewhere.",
            touches("launchTemplate", "version", "amiType"),
        ),
        changed(NOTE, "Nodes come or go; one that goes is drained first.", touches("scalingConfig")),
    ),
    "aws:lb/loadBalancer:LoadBalancer": (
        gone(
            DOWN, "The load balancer has another address: streams are dropped, and the domain has to follow."
        ),
    ),
    "aws:lb/": (gone(DOWN, "Nothing is answered at the port until there is a new one."),),
    "aws:ec2/natGateway:NatGateway": (
        gone(DOWN, "Nodes reach no registry and no issuer meanwhile, and come from another address after."),
    ),
    "aws:ec2/vpc:Vpc": (gone(DOWN, "The network goes, with everything in it."),),
    "aws:ec2/subnet:Subnet": (gone(DOWN, "The nodes of the subnet go with it."),),
    "aws:eks/addon:Addon": (gone(DOWN, "The cluster is without the add-on meanwhile."),),
    "aws:eks/accessEntry:AccessEntry": (gone(DOWN, "Whoever came to the cluster by it is locked out."),),
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": (
        gone(DOWN, "Whoever came to the cluster by it may do nothing there any more."),
    ),
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": (
        gone(DOWN, "The pods lose their role: of a storage driver's, no volume is attached meanwhile."),
    ),
    "aws:iam/": (
        gone(DOWN, "What has its rights by it is refused until it is back, nodes and drivers too."),
    ),
    "aws:vpc/": (gone(DOWN, "Connections that the rule lets in are refused."),),
    "aws:ec2/route:Route": (gone(DOWN, "Nothing of its subnets reaches what is behind it."),),
    "aws:ec2/routeTable:RouteTable": (gone(DOWN, "Its subnets reach nothing outside the network."),),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": (
        gone(DOWN, "The subnet reaches nothing outside the network."),
    ),
    "aws:ec2/internetGateway:InternetGateway": (gone(DOWN, "Nothing comes in from outside, or goes out."),),
    "aws:ec2/eip:Eip": (
        gone(DOWN, "Another address: the domain has to follow, or whoever has allowed the old one refuses."),
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": (
        gone(NOTE, "What went by it to AWS goes through NAT, and is paid for by the GB."),
    ),
    "aws:ec2/flowLog:FlowLog": (gone(NOTE, "Nobody records any more who talked to whom."),),
    "aws:ec2/securityGroup:SecurityGroup": (gone(DOWN, "Connections that its rules let in are cut."),),
    "aws:route53/record:Record": (
        gone(DOWN, "Clients cannot look the name up until it is back, and their resolvers remember."),
    ),
}

OF_AWS: Final[Mapping[str, tuple[Row, ...]]] = MappingProxyType(_TABLE)
"""By type, or by what types begin with where it ends in a slash or a colon."""
