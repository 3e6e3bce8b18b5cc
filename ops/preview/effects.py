"""The table of what a change means for a service that runs, the only one.

A kind that is not in it says nothing by itself; the diff does. Of several rows that fit, the first counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from ops.preview.gpu_nodes import NODE_GROUP, is_gpu_pool, takes_the_last_gpu
from ops.preview.plan import Change, Op

CLAIM: Final = "kubernetes:core/v1:PersistentVolumeClaim"

Condition = Callable[[Change], bool]


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
class Row:
    """What some changes to a kind mean."""

    ops: frozenset[Op]
    weight: Weight
    text: str
    applies: Condition


def _row(*ops: Op) -> Callable[..., Row]:
    def row(weight: Weight, text: str, applies: Condition = lambda _: True) -> Row:
        return Row(frozenset(ops), weight, text, applies)

    return row


_deleted = _row(Op.DELETE)
_replaced = _row(Op.REPLACE)
_changed = _row(Op.UPDATE)
_gone = _row(Op.DELETE, Op.REPLACE)
_altered = _row(Op.DELETE, Op.REPLACE, Op.UPDATE)


def _touches(*paths: str) -> Condition:
    return lambda change: any(
        leaf.path == path or leaf.path.startswith((f"{path}.", f"{path}["))
        for leaf in change.leaves
        for path in paths
    )


_pods = _touches("spec.template")


def _surging_pods(change: Change) -> bool:
    strategy = (change.new.get("spec") or {}).get("strategy") or {}
    surge = (strategy.get("rollingUpdate") or {}).get("maxSurge", 1)
    return _pods(change) and strategy.get("type") != "Recreate" and surge not in (0, "0")


DATA, GPUS, DOWN, NOTE = Weight

_TABLE: Final = {
    CLAIM: (
        _gone(DATA, "The claim goes, and its volume with all that was written to it."),
        _changed(NOTE, "The volume grows in place, and never shrinks again.", _touches("spec.resources")),
    ),
    "kubernetes:core/v1:PersistentVolume": (
        _gone(DATA, "The volume goes. Whether its disk does is up to its reclaim policy."),
    ),
    "kubernetes:core/v1:Namespace": (
        _gone(DATA, "Everything in the namespace goes, claims and their data included."),
    ),
    "kubernetes:snapshot.storage.k8s.io/v1:VolumeSnapshotClass": (
        _gone(NOTE, "No snapshot can be taken meanwhile. Those that there are stay."),
    ),
    "kubernetes:snapshot.storage.k8s.io/": (_gone(DATA, "The snapshot goes: there is no way back to it."),),
    "aws:efs/fileSystem:FileSystem": (_gone(DATA, "The file system goes, with all that was written to it."),),
    "aws:efs/mountTarget:MountTarget": (
        _gone(DOWN, "Pods of that zone lose their volume: writes hang until it is back."),
    ),
    "aws:efs/backupPolicy:BackupPolicy": (_gone(NOTE, "Backups stop. Those that there are stay."),),
    "aws:ebs/volume:Volume": (_gone(DATA, "The disk goes, with all that was written to it."),),
    "aws:ebs/snapshot:Snapshot": (_gone(DATA, "The snapshot goes: there is no way back to it."),),
    "aws:s3/bucket:Bucket": (_gone(DATA, "The bucket goes, with every utterance in it."),),
    "aws:s3/bucketV2:BucketV2": (_gone(DATA, "The bucket goes, with every utterance in it."),),
    "aws:kms/key:Key": (
        _gone(DATA, "What is encrypted with the key cannot be read again once the key is gone."),
    ),
    "aws:eks/cluster:Cluster": (
        _gone(
            DATA, "The whole cluster goes: the service, and every volume that its storage does not retain."
        ),
        _changed(
            DOWN,
            "EKS upgrades the control plane. There is no way back to the old version.",
            _touches("version"),
        ),
    ),
    "kubernetes:argoproj.io/v1alpha1:Application": (
        _gone(DATA, "Argo CD deletes what it delivers: the service, and its claims unless they are kept."),
        _changed(NOTE, "Argo CD delivers from there from now on."),
    ),
    "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition": (
        _gone(DATA, "Every object of the kind goes with its definition, in all namespaces."),
    ),
    "pulumi:providers:": (
        _gone(DATA, "Everything that was made through the provider is made anew, claims included."),
    ),
    NODE_GROUP: (
        _altered(
            GPUS, "No GPU node is left: nobody is answered until there is one again.", takes_the_last_gpu
        ),
        _replaced(
            DOWN,
            "New GPU nodes come, the old ones are drained. Each pod is minutes without a GPU: image, then model.",
            is_gpu_pool,
        ),
        _deleted(DOWN, "The GPU nodes go, and what speaks on them.", is_gpu_pool),
        _replaced(
            DOWN, "New edge nodes come first, then the old ones are drained: streams through them are cut."
        ),
        _deleted(DOWN, "The edge nodes go, and every stream through them."),
        _changed(
            DOWN,
            "Nodes are drained and replaced, one at a time: a pod on one is away until its model is loaded elsewhere.",
            _touches("launchTemplate", "version", "amiType"),
        ),
        _changed(NOTE, "Nodes come or go; one that goes is drained first.", _touches("scalingConfig")),
    ),
    "kubernetes:projectcontour.io/v1:HTTPProxy": (
        _gone(DOWN, "The route goes: running streams are dropped, and clients get 404 while there is none."),
        _changed(
            DOWN,
            "The service has another name: clients of the old one get 404, and their streams are dropped.",
            _touches("spec.virtualhost.fqdn"),
        ),
        _changed(NOTE, "Envoy takes the route over in place. Streams that run go on by the old one."),
    ),
    "kubernetes:apps/v1:Deployment": (
        _gone(
            DOWN, "The pods go: running syntheses are cut off, and nobody answers until new ones are ready."
        ),
        _changed(
            NOTE,
            "New pods, each beside an old one that goes when it is ready. Streams that run get time to end.",
            _surging_pods,
        ),
        _changed(
            DOWN,
            "Rollout in place: the old pod goes first, and nobody answers until the model is loaded again.",
            _pods,
        ),
        _changed(
            NOTE,
            "Another number of pods. Each wants its GPUs; one that goes ends its streams first.",
            _touches("spec.replicas"),
        ),
    ),
    "kubernetes:apps/v1:DaemonSet": (
        _gone(DOWN, "Its pods go from every node; of Envoy's, all streams are dropped."),
        _changed(
            DOWN,
            "Its pods are replaced, node by node; of Envoy's, the streams through that node are cut.",
            _pods,
        ),
    ),
    "kubernetes:apps/v1:StatefulSet": (_gone(DOWN, "Its pods go, and come back one by one."),),
    "kubernetes:storage.k8s.io/v1:StorageClass": (
        _gone(
            NOTE,
            "The class is gone for a moment, or for good. Volumes that there are stay as they are; new ones need it.",
        ),
    ),
    "kubernetes:cert-manager.io/v1:Certificate": (
        _deleted(
            DOWN, "Nobody renews the certificate any more: HTTPS ends when the one that there is runs out."
        ),
        _replaced(
            DOWN,
            "A new certificate is ordered, within the issuer's rate limits. Until then Envoy has the old one, or none.",
        ),
        _changed(NOTE, "A new certificate is ordered. The name has to lead to the edge for that."),
    ),
    "kubernetes:cert-manager.io/v1:ClusterIssuer": (
        _altered(NOTE, "Certificates are renewed by another account or authority."),
    ),
    "kubernetes:core/v1:Secret": (
        _gone(DOWN, "What reads the secret has none until there is a new one."),
        _changed(
            NOTE,
            "The secret has another content, not shown. What read it at its start goes on with the old one.",
        ),
    ),
    "kubernetes:core/v1:Service": (
        _gone(DOWN, "The pods have no address meanwhile: requests fail with 503."),
    ),
    "kubernetes:networking.k8s.io/v1:NetworkPolicy": (
        _gone(DOWN, "What the policy refused is open without it, and what it allowed may be refused."),
        _changed(NOTE, "Other peers may reach the pods, or be reached by them, at once."),
    ),
    "aws:lb/loadBalancer:LoadBalancer": (
        _gone(
            DOWN, "The load balancer has another address: streams are dropped, and the domain has to follow."
        ),
    ),
    "aws:lb/": (_gone(DOWN, "Nothing is answered at the port until there is a new one."),),
    "aws:ec2/natGateway:NatGateway": (
        _gone(DOWN, "Nodes reach no registry and no issuer meanwhile, and come from another address after."),
    ),
    "aws:ec2/vpc:Vpc": (_gone(DOWN, "The network goes, with everything in it."),),
    "aws:ec2/subnet:Subnet": (_gone(DOWN, "The nodes of the subnet go with it."),),
    "aws:eks/addon:Addon": (_gone(DOWN, "The cluster is without the add-on meanwhile."),),
    "aws:ec2/securityGroup:SecurityGroup": (_gone(DOWN, "Connections that its rules let in are cut."),),
    "aws:route53/record:Record": (
        _gone(DOWN, "Clients cannot look the name up until it is back, and their resolvers remember."),
    ),
}

TABLE: Final[Mapping[str, tuple[Row, ...]]] = MappingProxyType(_TABLE)
"""By type, or by what types begin with where it ends in a slash or a colon."""
