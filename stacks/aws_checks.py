"""What settings on AWS cannot say together: networks, nodes, storage and the edge."""

import ipaddress
import math
from collections.abc import Iterator
from itertools import combinations
from typing import Any

from components.capacity import Capacity
from components.edge import Exposure
from components.gpu_instances import INSTANCES, allocatable, known, pods_per_node, shortfall
from components.storage_backend import StorageBackend
from components.tts.rollout import Rollout
from components.tts.snapshot_job.quantity import amount
from stacks.checks import Check, Context
from stacks.choices import AccessMode, Snapshots
from stacks.engines import ESPEAK
from stacks.problems import Problem
from stacks.versions import EKS

_GIB = 1024**3


def _cluster_is_one(context: Context) -> Iterator[Problem]:
    for field, key in (
        ("kubeconfig", "kubeconfig"),
        ("kube_context", "kubeContext"),
        ("cluster_server", "clusterServer"),
    ):
        if context.values.get(field) is not None:
            yield Problem(
                key=key,
                value=context.values[field],
                why="names a cluster, and with awsRegion the stack has one on EKS.",
                instead=f"Take {key} out, or awsRegion.",
            )


def _zones_hold_a_network(context: Context) -> Iterator[Problem]:
    zones = context.values.get("zones")
    if zones is None or context.values.get("vpc_id") is not None:
        return
    region = context.values.get("aws_region", "")
    if len(set(zones)) < len(zones):
        yield Problem(
            key="zones", value=", ".join(zones), why="names a zone twice.", instead="Write each zone once."
        )
    elif not 2 <= len(zones) <= 4:
        yield Problem(
            key="zones",
            value=", ".join(zones) or None,
            why=f"names {len(zones)} zones: EKS takes two or more, and the network has room for four.",
            instead=f"Write three of the region's ([{region}a, {region}b, {region}c]).",
        )
    elsewhere = [zone for zone in zones if zone[:-1] != region]
    if region and elsewhere:
        yield Problem(
            key="zones",
            value=", ".join(elsewhere),
            why=f"is not in {region}.",
            instead="Write zones of awsRegion.",
        )


def _networks_do_not_overlap(context: Context) -> Iterator[Problem]:
    named = [
        (key, ipaddress.ip_network(context.values[field]))
        for field, key in (("vpc_cidr", "vpcCidr"), ("service_cidr", "serviceCidr"))
        if field in context.values
    ]
    for (first, one), (second, other) in combinations(named, 2):
        if one.overlaps(other):
            yield Problem(
                key=first,
                value=str(one),
                why=f"overlaps {second} ({other}): an address of both would lead to one of the two.",
                instead=f"Write another {first} or {second}.",
            )


def _existing_network_is_whole(context: Context) -> Iterator[Problem]:
    values = context.values
    if "vpc_id" not in values or "eks_cluster" not in values:
        return
    if values["eks_cluster"] is not None and values["vpc_id"] is None:
        yield Problem(
            key="vpcId",
            value=None,
            why="is needed with eksCluster: nodes and load balancer go where the cluster is.",
            instead="Write the cluster's VPC, publicSubnetIds and privateSubnetIds.",
        )
    for field, key, why in (
        ("private_subnet_ids", "privateSubnetIds", "nodes need subnets in two zones or more"),
        ("public_subnet_ids", "publicSubnetIds", "the load balancer needs subnets in two zones or more"),
    ):
        there = values.get(field)
        if there is None:
            continue
        if values["vpc_id"] is not None and len(set(there)) < 2:
            yield Problem(
                key=key,
                value=", ".join(there) or None,
                why=f"names too few: {why}.",
                instead="Write two or more of vpcId's subnets.",
            )
        if values["vpc_id"] is None and there:
            yield Problem(
                key=key,
                value=", ".join(there),
                why="is of a VPC that is there, and vpcId names none.",
                instead=f"Write vpcId, or take {key} out.",
            )


def _subnets_are_public_or_private(context: Context) -> Iterator[Problem]:
    public, private = (context.values.get(f"{kind}_subnet_ids", ()) for kind in ("public", "private"))
    both = sorted(set(public) & set(private))
    if both:
        yield Problem(
            key="publicSubnetIds",
            value=", ".join(both),
            why="is among privateSubnetIds too, and nodes would be where the internet reaches them.",
            instead="Write each subnet in one of the two.",
        )


def _api_is_reached(context: Context) -> Iterator[Problem]:
    values = context.values
    if {"api_cidrs", "vpc_id", "eks_cluster"} <= values.keys() and not (
        values["api_cidrs"] or values["vpc_id"] or values["eks_cluster"]
    ):
        yield Problem(
            key="apiCidrs",
            value=None,
            why="lets nobody but the cluster's nodes reach its API, and pulumi up has to put everything onto it.",
            instead="Write the networks that you work from ([198.51.100.0/24]).",
        )


def _instances_carry_the_pods(context: Context) -> Iterator[Problem]:
    engine, values = context.engine, context.values
    for instance_type in values.get("gpu_instance_types", ()):
        if known(instance_type) is None:
            yield Problem(
                key="gpuInstanceTypes",
                value=instance_type,
                why="is not a type with NVIDIA GPUs that this project knows.",
                instead=f"Write some of {', '.join(list(INSTANCES)[:12])}...; components/gpu_instances.py has all.",
            )
        elif engine is not None and {"gpus_per_pod", "cpu_request", "memory_request"} <= values.keys():
            cpu, memory_gib = _requests(context)
            why = shortfall(
                instance_type,
                gpus=values["gpus_per_pod"],
                gpu_memory_gib=engine.gpu_memory_gib or 0,
                cpu=cpu,
                memory_gib=memory_gib,
            )
            if why is not None:
                yield Problem(
                    key="gpuInstanceTypes",
                    value=instance_type,
                    why=f"{why}.",
                    instead="Write a larger type, or another engine.",
                )


def _pool_carries_a_rollout(context: Context) -> Iterator[Problem]:
    values = context.values
    fields = {"gpu_instance_types", "gpu_nodes", "gpu_nodes_min", "gpu_nodes_max"}
    if not fields <= values.keys():
        return
    low, wanted, high = values["gpu_nodes_min"], values["gpu_nodes"], values["gpu_nodes_max"]
    if not low <= wanted <= high:
        yield Problem(
            key="gpuNodes",
            value=wanted,
            why=f"is not between gpuNodesMin ({low}) and gpuNodesMax ({high}).",
            instead="Write a number in between, or widen the two.",
        )
    types = [item for item in values["gpu_instance_types"] if known(item) is not None]
    if not types or not {"replicas", "gpus_per_pod", "rollout"} <= values.keys():
        return
    surge = 1 if values["rollout"] is Rollout.SURGE else 0
    pods = values["replicas"] + surge
    # With several types nobody knows which ones come: count on the one that carries least.
    per_node = min(_pods_on(context, item) for item in types)
    if per_node == 0:
        return
    needed = math.ceil(pods / per_node)
    more = " and one more while a new version replaces an old one" if surge else ""
    if high < needed:
        yield Problem(
            key="gpuNodesMax",
            value=high,
            why=f"is too few: {values['replicas']} pods{more} take {needed} nodes.",
            instead=f"Write gpuNodesMax: {needed} or more.",
        )
    elif 0 < wanted < needed and not values.get("gpu_autoscaler", False):
        yield Problem(
            key="gpuNodes",
            value=wanted,
            why=f"is too few, and nothing scales the pool: {values['replicas']} pods{more} take {needed} nodes.",
            instead=f"Write gpuNodes: {needed}, 0 to stop them all, or gpuAutoscaler: true where one runs.",
        )


def _requests(context: Context) -> tuple[float, float]:
    """Cores and GiB that one pod requests; none where a request is refused itself."""
    engine = context.engine
    if engine is None or not {"cpu_request", "memory_request"} <= context.values.keys():
        return 0, 0
    cpu = amount(context.values["cpu_request"] or engine.resources.cpu_request or "0")
    memory = amount(context.values["memory_request"] or engine.resources.memory_request or "0")
    return float(cpu or 0), float(memory or 0) / _GIB


def _pods_on(context: Context, instance_type: str) -> int:
    """How many pods one node carries, by its GPUs, its cores and its memory."""
    free_cpu, free_gib = allocatable(INSTANCES[instance_type])
    cpu, gib = _requests(context)
    limits = [pods_per_node(instance_type, context.values["gpus_per_pod"])]
    limits += [int(free // asked) for free, asked in ((free_cpu, cpu), (free_gib, gib)) if asked]
    return min(limits)


def _spot_is_meant(context: Context) -> Iterator[Problem]:
    values = context.values
    if (
        values.get("gpu_capacity") is Capacity.SPOT
        and context.profile.protect
        and values.get("accept_interruptions") is False
    ):
        yield Problem(
            key="gpuCapacity",
            value=Capacity.SPOT.value,
            why="takes production's nodes away with two minutes' notice, several at once.",
            instead="Write gpuCapacity: on-demand, or acceptInterruptions: true beside it.",
        )


def _storage_carries_the_claims(context: Context) -> Iterator[Problem]:
    values = context.values
    storage = values.get("storage")
    if storage is StorageBackend.EBS and values.get("access_mode") is AccessMode.READ_WRITE_MANY:
        yield Problem(
            key="storage",
            value=storage.value,
            why="is a disk of one node, and accessMode is ReadWriteMany.",
            instead="Write storage: efs, or accessMode: ReadWriteOnce.",
        )
    if storage is StorageBackend.S3 and values.get("access_mode") is AccessMode.READ_WRITE_ONCE:
        yield Problem(
            key="storage",
            value=storage.value,
            why="is mounted by every pod, and accessMode is ReadWriteOnce.",
            instead="Write accessMode: ReadWriteMany, or storage: ebs.",
        )
    if storage is StorageBackend.S3 and values.get("weights_size") is not None:
        yield Problem(
            key="weightsSize",
            value=values["weights_size"],
            why="is for a volume, and a bucket cannot hold weights: they are written in places, renamed and linked.",
            instead="Write storage: efs, or take an image that carries its weights and weightsSize out.",
        )
    if storage is StorageBackend.S3 and context.engine is ESPEAK:
        yield Problem(
            key="storage",
            value=storage.value,
            why="cannot rename a file, and that is how espeak finishes one.",
            instead="Write storage: efs, or another engine.",
        )
    if storage not in (None, StorageBackend.EBS) and values.get("snapshots") is Snapshots.CSI:
        yield Problem(
            key="snapshots",
            value=Snapshots.CSI.value,
            why=f"cannot be had of {storage.upper()}, whose driver makes none.",
            instead="Write snapshots: none, or storage: ebs.",
        )
    if values.get("storage_class") is not None:
        yield Problem(
            key="storageClass",
            value=values["storage_class"],
            why="is decided by storage on AWS.",
            instead="Take storageClass out, and write storage: ebs, efs or s3.",
        )


def _zone_holds_the_domain(context: Context) -> Iterator[Problem]:
    zone, domain = context.values.get("dns_zone"), context.values.get("domain")
    if zone is not None and domain is not None and domain != zone and not domain.endswith(f".{zone}"):
        yield Problem(
            key="dnsZone",
            value=zone,
            why=f"does not hold {domain}: a record for it there would never be asked for.",
            instead=f"Write a zone that {domain} ends in ({domain.partition('.')[2]}).",
        )


def _version_is_tested(context: Context) -> Iterator[Problem]:
    version = context.values.get("kubernetes_version")
    if version is not None and version not in EKS:
        yield Problem(
            key="kubernetesVersion",
            value=version,
            why="is not one that Contour and the add-ons here are tested on.",
            instead=f"Write {', '.join(EKS)}.",
        )


def _edge_is_the_stacks_own(context: Context) -> Iterator[Problem]:
    if context.values.get("exposure") is Exposure.LOAD_BALANCER:
        yield Problem(
            key="exposure",
            value=Exposure.LOAD_BALANCER.value,
            why="has a controller make a load balancer, which outlives the stack when the controller goes first.",
            instead="Write exposure: host_port; on AWS the stack brings its own load balancer to the nodes.",
        )


_COPIES = {
    "snapshot_copy_region": "snapshotCopyRegion",
    "snapshot_copies_kept": "snapshotCopiesKept",
    "snapshot_share_accounts": "snapshotShareAccounts",
    "snapshot_archive_months": "snapshotArchiveMonths",
    "snapshot_kms_key": "snapshotKmsKey",
}


def _copies(context: Context) -> dict[str, tuple[str, Any]]:
    """The keys about copies of disks' snapshots that are set: key and value by field."""
    values = context.values
    return {
        field: (key, ", ".join(values[field]) if isinstance(values[field], tuple) else values[field])
        for field, key in _COPIES.items()
        if values.get(field) not in (None, ())
    }


def _copies_are_of_the_stacks_disks(context: Context) -> Iterator[Problem]:
    storage, joined = context.values.get("storage"), context.values.get("eks_cluster") is not None
    for key, value in _copies(context).values():
        if storage not in (None, StorageBackend.EBS):
            yield Problem(
                key=key,
                value=value,
                why=f"is for snapshots of EBS disks, and storage is {storage}.",
                instead=f"Take {key} out, or write storage: ebs.",
            )
        elif joined:
            yield Problem(
                key=key,
                value=value,
                why="would be for every disk of the cluster, and with eksCluster it has others' too.",
                instead=f"Take {key} out, and leave copies to whoever made the cluster.",
            )


def _copies_have_a_use(context: Context) -> Iterator[Problem]:
    values = context.values
    fields = {"snapshot_copy_region", "snapshot_share_accounts", "snapshot_archive_months"}
    kept, key = values.get("snapshot_copies_kept"), values.get("snapshot_kms_key")
    if kept is not None and values.get("snapshot_copy_region", "") is None:
        yield Problem(
            key="snapshotCopiesKept",
            value=kept,
            why="would change nothing: snapshotCopyRegion is not set, and nothing is copied.",
            instead="Write snapshotCopyRegion, or take snapshotCopiesKept out.",
        )
    if key is not None and fields <= values.keys() and not any(values[field] for field in fields):
        yield Problem(
            key="snapshotKmsKey",
            value=key,
            why="would change nothing: no snapshot is copied, shared or archived.",
            instead="Write snapshotCopyRegion, snapshotShareAccounts or snapshotArchiveMonths, or take it out.",
        )


def _copies_go_elsewhere(context: Context) -> Iterator[Problem]:
    region, target = context.values.get("aws_region"), context.values.get("snapshot_copy_region")
    if target is not None and target == region:
        yield Problem(
            key="snapshotCopyRegion",
            value=target,
            why="is where the disks are: what takes the region away takes the copies too.",
            instead="Write another region than awsRegion.",
        )


def _shared_snapshots_can_be_read(context: Context) -> Iterator[Problem]:
    values = context.values
    accounts, key, region = (
        values.get("snapshot_share_accounts"),
        values.get("snapshot_kms_key"),
        values.get("aws_region"),
    )
    if accounts and values.get("snapshot_kms_key", "") is None:
        yield Problem(
            key="snapshotShareAccounts",
            value=", ".join(accounts),
            why="cannot read a snapshot that is encrypted by AWS's own key for EBS, and AWS shares none.",
            instead="Write snapshotKmsKey, a key of yours that disks are encrypted by; docs/aws.md says how.",
        )
    if key is not None and region is not None and key.split(":")[3] != region:
        yield Problem(
            key="snapshotKmsKey",
            value=key,
            why=f"is not in {region}, and a disk is encrypted by a key of its own region.",
            instead="Write the ARN of a key in awsRegion.",
        )


AWS_CHECKS: tuple[Check, ...] = (
    _cluster_is_one,
    _zones_hold_a_network,
    _networks_do_not_overlap,
    _existing_network_is_whole,
    _subnets_are_public_or_private,
    _api_is_reached,
    _instances_carry_the_pods,
    _pool_carries_a_rollout,
    _spot_is_meant,
    _storage_carries_the_claims,
    _zone_holds_the_domain,
    _version_is_tested,
    _edge_is_the_stacks_own,
    _copies_are_of_the_stacks_disks,
    _copies_have_a_use,
    _copies_go_elsewhere,
    _shared_snapshots_can_be_read,
)
