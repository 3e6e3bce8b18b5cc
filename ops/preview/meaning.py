"""What a change means for a service that runs: one table, the only one.

A kind that is not in it says nothing by itself; the diff does. Of several rows that fit a change, the first counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from ops.preview.gpu_nodes import NODE_GROUP, is_gpu_pool, takes_the_last_gpu
from ops.preview.plan import Change, Op

CLAIM: Final = "kubernetes:core/v1:PersistentVolumeClaim"


class Weight(IntEnum):
    """How much it matters, the worst first."""

    DATA = 0
    """Data is lost, and cannot be made again."""

    GPUS = 1
    """No GPU is left."""

    DOWN = 2
    """Somebody who is using the service notices."""

    NOTE = 3
    """Worth a reviewer's look, and nobody is cut off."""


@dataclass(frozen=True)
class Meaning:
    """What a change means."""

    weight: Weight
    text: str


def meaning(change: Change) -> Meaning | None:
    """What it means; None where the table has nothing to say."""
    return next(_fitting(change), None)


def _fitting(change: Change) -> Iterator[Meaning]:
    for kind, ops, applies, weight, text in TABLE:
        if change.kind.startswith(kind) and change.op in ops and applies(change):
            if change.retained and change.op is Op.DELETE:
                yield Meaning(Weight.NOTE, "Pulumi forgets it, and leaves it where it is.")
            else:
                yield Meaning(weight, text)


_GONE: Final = frozenset({Op.REPLACE, Op.DELETE})
_DELETED: Final = frozenset({Op.DELETE})
_REPLACED: Final = frozenset({Op.REPLACE})
_CHANGED: Final = frozenset({Op.UPDATE})


def _always(_: Change) -> bool:
    return True


def _touches(*paths: str) -> Callable[[Change], bool]:
    return lambda change: any(
        leaf.path.startswith(path) or f".{path}" in leaf.path for leaf in change.leaves for path in paths
    )


def _surges(change: Change) -> bool:
    strategy = (change.new.get("spec") or {}).get("strategy") or {}
    surge = (strategy.get("rollingUpdate") or {}).get("maxSurge", 1)
    return strategy.get("type") != "Recreate" and surge not in (0, "0")


_DEPLOYMENT: Final = "kubernetes:apps/v1:Deployment"
_PODS: Final = _touches("spec.template")

Row = tuple[str, frozenset[Op], Callable[[Change], bool], Weight, str]

# What a kind begins with; what happens to it; on which condition; how much that matters; what it means.
TABLE: Final[tuple[Row, ...]] = (
    (CLAIM, _GONE, _always, Weight.DATA, "The claim goes, and its volume with all that was written to it."),
    (
        CLAIM,
        _CHANGED,
        _touches("spec.resources"),
        Weight.NOTE,
        "The volume grows in place, and never shrinks again.",
    ),
    (
        "kubernetes:core/v1:PersistentVolume",
        _GONE,
        _always,
        Weight.DATA,
        "The volume goes. Whether its disk does is up to its reclaim policy.",
    ),
    (
        "kubernetes:core/v1:Namespace",
        _GONE,
        _always,
        Weight.DATA,
        "Everything in the namespace goes, claims and their data included.",
    ),
    (
        "kubernetes:snapshot.storage.k8s.io/v1:VolumeSnapshotClass",
        _GONE,
        _always,
        Weight.NOTE,
        "No snapshot can be taken meanwhile. Those that there are stay.",
    ),
    (
        "kubernetes:snapshot.storage.k8s.io/",
        _GONE,
        _always,
        Weight.DATA,
        "The snapshot goes: there is no way back to it.",
    ),
    (
        "aws:efs/fileSystem:FileSystem",
        _GONE,
        _always,
        Weight.DATA,
        "The file system goes, with all that was written to it.",
    ),
    (
        "aws:efs/mountTarget:MountTarget",
        _GONE,
        _always,
        Weight.DOWN,
        "Pods of that zone lose their volume: writes hang until it is back.",
    ),
    (
        "aws:efs/backupPolicy:BackupPolicy",
        _GONE,
        _always,
        Weight.NOTE,
        "Backups stop. Those that there are stay.",
    ),
    ("aws:ebs/volume:Volume", _GONE, _always, Weight.DATA, "The disk goes, with all that was written to it."),
    (
        "aws:ebs/snapshot:Snapshot",
        _GONE,
        _always,
        Weight.DATA,
        "The snapshot goes: there is no way back to it.",
    ),
    ("aws:s3/bucket:Bucket", _GONE, _always, Weight.DATA, "The bucket goes, with every utterance in it."),
    ("aws:s3/bucketV2:BucketV2", _GONE, _always, Weight.DATA, "The bucket goes, with every utterance in it."),
    (
        "aws:kms/key:Key",
        _GONE,
        _always,
        Weight.DATA,
        "What is encrypted with the key cannot be read again once the key is gone.",
    ),
    (
        "aws:eks/cluster:Cluster",
        _GONE,
        _always,
        Weight.DATA,
        "The whole cluster goes: the service, and every volume that its storage does not retain.",
    ),
    (
        "aws:eks/cluster:Cluster",
        _CHANGED,
        _touches("version"),
        Weight.DOWN,
        "EKS upgrades the control plane, for some minutes each; there is no way back to the old version.",
    ),
    (
        "kubernetes:argoproj.io/v1alpha1:Application",
        _GONE,
        _always,
        Weight.DATA,
        "Argo CD deletes what it delivers: the service, and its claims unless they are kept.",
    ),
    (
        "kubernetes:argoproj.io/v1alpha1:Application",
        _CHANGED,
        _always,
        Weight.NOTE,
        "Argo CD delivers from there from now on.",
    ),
    (
        "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition",
        _GONE,
        _always,
        Weight.DATA,
        "Every object of the kind goes with its definition, in all namespaces.",
    ),
    (
        "pulumi:providers:",
        _GONE,
        _always,
        Weight.DATA,
        "Everything that was made through the provider is made anew, claims included.",
    ),
    (
        NODE_GROUP,
        _GONE | _CHANGED,
        takes_the_last_gpu,
        Weight.GPUS,
        "No GPU node is left: nobody is answered until there is one again.",
    ),
    (
        NODE_GROUP,
        _REPLACED,
        is_gpu_pool,
        Weight.DOWN,
        "New GPU nodes come first, then the old ones are drained. Every pod moves: minutes without its GPU, for the image to be pulled and the model to load.",
    ),
    (NODE_GROUP, _DELETED, is_gpu_pool, Weight.DOWN, "The GPU nodes go, and what speaks on them."),
    (
        NODE_GROUP,
        _GONE,
        _always,
        Weight.DOWN,
        "New edge nodes come first, then the old ones are drained: streams through them are cut.",
    ),
    (
        NODE_GROUP,
        _CHANGED,
        _touches("launchTemplate", "version", "amiType"),
        Weight.DOWN,
        "Nodes are drained and replaced, one at a time: a pod on one is away until its model is loaded elsewhere.",
    ),
    (
        NODE_GROUP,
        _CHANGED,
        _touches("scalingConfig"),
        Weight.NOTE,
        "Nodes come or go; one that goes is drained first.",
    ),
    (
        "kubernetes:projectcontour.io/v1:HTTPProxy",
        _GONE,
        _always,
        Weight.DOWN,
        "The route goes: running streams are dropped, and clients get 404 while there is none.",
    ),
    (
        "kubernetes:projectcontour.io/v1:HTTPProxy",
        _CHANGED,
        _touches("spec.virtualhost.fqdn"),
        Weight.DOWN,
        "The service has another name: clients of the old one get 404, and their streams are dropped.",
    ),
    (
        "kubernetes:projectcontour.io/v1:HTTPProxy",
        _CHANGED,
        _always,
        Weight.NOTE,
        "Envoy takes the route over in place. Streams that run go on by the old one.",
    ),
    (
        _DEPLOYMENT,
        _GONE,
        _always,
        Weight.DOWN,
        "The pods go: running syntheses are cut off, and nobody answers until new ones are ready.",
    ),
    (
        _DEPLOYMENT,
        _CHANGED,
        lambda change: _PODS(change) and _surges(change),
        Weight.NOTE,
        "New pods, each beside an old one that goes when it is ready. Streams that run get time to end.",
    ),
    (
        _DEPLOYMENT,
        _CHANGED,
        _PODS,
        Weight.DOWN,
        "Rollout in place: the old pod goes first, and nobody answers until the model is loaded again.",
    ),
    (
        _DEPLOYMENT,
        _CHANGED,
        _touches("spec.replicas"),
        Weight.NOTE,
        "Another number of pods. Each wants its GPUs; one that goes ends its streams first.",
    ),
    (
        "kubernetes:apps/v1:DaemonSet",
        _GONE,
        _always,
        Weight.DOWN,
        "Its pods go from every node; of Envoy's, all streams are dropped.",
    ),
    (
        "kubernetes:apps/v1:DaemonSet",
        _CHANGED,
        _PODS,
        Weight.DOWN,
        "Its pods are replaced, node by node; of Envoy's, the streams through that node are cut once its drain is over.",
    ),
    ("kubernetes:apps/v1:StatefulSet", _GONE, _always, Weight.DOWN, "Its pods go, and come back one by one."),
    (
        "kubernetes:storage.k8s.io/v1:StorageClass",
        _GONE,
        _always,
        Weight.NOTE,
        "The class is gone for a moment, or for good. Volumes that there are stay as they are; new ones need it.",
    ),
    (
        "kubernetes:cert-manager.io/v1:Certificate",
        _GONE,
        _always,
        Weight.DOWN,
        "A new certificate is ordered, within the issuer's rate limits. Until then Envoy has the old one, or none.",
    ),
    (
        "kubernetes:cert-manager.io/v1:Certificate",
        _CHANGED,
        _always,
        Weight.NOTE,
        "A new certificate is ordered. The name has to lead to the edge for that.",
    ),
    (
        "kubernetes:cert-manager.io/v1:ClusterIssuer",
        _GONE | _CHANGED,
        _always,
        Weight.NOTE,
        "Certificates are renewed by another account or authority.",
    ),
    (
        "kubernetes:core/v1:Secret",
        _GONE,
        _always,
        Weight.DOWN,
        "What reads the secret has none until there is a new one.",
    ),
    (
        "kubernetes:core/v1:Secret",
        _CHANGED,
        _always,
        Weight.NOTE,
        "The secret has another content, not shown. What read it at its start goes on with the old one.",
    ),
    (
        "kubernetes:core/v1:Service",
        _GONE,
        _always,
        Weight.DOWN,
        "The pods have no address meanwhile: requests fail with 503.",
    ),
    (
        "kubernetes:networking.k8s.io/v1:NetworkPolicy",
        _GONE,
        _always,
        Weight.DOWN,
        "What the policy refused is open without it, and what it allowed may be refused.",
    ),
    (
        "kubernetes:networking.k8s.io/v1:NetworkPolicy",
        _CHANGED,
        _always,
        Weight.NOTE,
        "Other peers may reach the pods, or be reached by them, at once.",
    ),
    (
        "aws:lb/loadBalancer:LoadBalancer",
        _GONE,
        _always,
        Weight.DOWN,
        "The load balancer has another address: streams are dropped, and the domain has to follow.",
    ),
    ("aws:lb/", _GONE, _always, Weight.DOWN, "Nothing is answered at the port until there is a new one."),
    (
        "aws:ec2/natGateway:NatGateway",
        _GONE,
        _always,
        Weight.DOWN,
        "Nodes reach no registry and no issuer meanwhile, and come from another address after.",
    ),
    ("aws:ec2/vpc:Vpc", _GONE, _always, Weight.DOWN, "The network goes, with everything in it."),
    ("aws:ec2/subnet:Subnet", _GONE, _always, Weight.DOWN, "The nodes of the subnet go with it."),
    ("aws:eks/addon:Addon", _GONE, _always, Weight.DOWN, "The cluster is without the add-on meanwhile."),
    (
        "aws:ec2/securityGroup:SecurityGroup",
        _GONE,
        _always,
        Weight.DOWN,
        "Connections that its rules let in are cut.",
    ),
    (
        "aws:route53/record:Record",
        _GONE,
        _always,
        Weight.DOWN,
        "Clients cannot look the name up until it is back, and their resolvers remember.",
    ),
)
