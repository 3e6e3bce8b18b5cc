"""What each component is given in a stack: the one place where settings meet the components' arguments."""

from pathlib import Path
from typing import TYPE_CHECKING

from components.cert_manager import CertManagerArgs
from components.cluster import ClusterArgs
from components.contour import ContourArgs
from components.device_plugin import DevicePluginArgs
from components.eks_addon import Addon
from components.issuer import AcmeIssuer, InClusterCa, IssuerKind
from components.storage_backend import StorageBackend
from components.subnets import ExistingNetwork
from components.tts.namespace import SERVICE_ACCOUNT
from components.tts.service import TtsServiceArgs
from components.tts.storage import Volume
from components.upstream.source import UpstreamStore
from stacks import versions
from stacks.aws_settings import AwsSettings
from stacks.choices import Snapshots
from stacks.kubeconfig import Cluster
from stacks.problems import NAMESPACE
from stacks.settings import Stack

if TYPE_CHECKING:
    from pulumi import Input

    from components.aws_platform import AwsPlatform, AwsPlatformArgs
    from components.network import NetworkArgs


def cluster(found: Cluster | None) -> ClusterArgs | None:
    """The connection; None while there is no cluster yet."""
    if found is None:
        return None
    return ClusterArgs(kubeconfig=found.kubeconfig, context=found.context, server=found.server)


def contour(stack: Stack) -> ContourArgs:
    """The edge."""
    return ContourArgs(
        upstream=versions.CONTOUR,
        store=_store(stack),
        exposure=stack.settings.exposure,
        replicas=stack.profile.contour_replicas,
        load_balancer=stack.aws.client_address if stack.aws else None,
        image_registry=stack.settings.image_registry,
    )


def cert_manager(stack: Stack) -> CertManagerArgs:
    """Certificates' controller."""
    return CertManagerArgs(
        upstream=versions.CERT_MANAGERS[stack.settings.cert_manager_version],
        store=_store(stack),
        kubernetes_version=versions.KUBERNETES,
        image_registry=stack.settings.image_registry,
    )


def issuer(stack: Stack) -> IssuerKind:
    """Certificates' signer."""
    directory, email = stack.acme_directory, stack.settings.acme_email
    if directory is None or email is None:
        return InClusterCa()
    return AcmeIssuer(server=directory, email=email, ca=stack.settings.acme_ca)


def tts_service(
    stack: Stack, issuer_name: "Input[str]", platform: "AwsPlatform | None" = None
) -> TtsServiceArgs:
    """The speech service; `platform` has its volumes, where the stack makes its own."""
    settings = stack.settings
    return TtsServiceArgs(
        namespace=settings.namespace,
        engine=stack.engine,
        image=settings.image,
        arguments=settings.args,
        settings=settings.inference,
        replicas=settings.replicas,
        gpus=settings.gpus_per_pod,
        rollout=settings.rollout,
        outputs=_volume(stack, settings.outputs_size, platform),
        weights=_volume(stack, settings.weights_size, platform) if settings.weights_size else None,
        protect=settings.deletion_protection,
        domain=settings.domain,
        issuer_name=issuer_name,
        acme=stack.acme_directory is not None,
        exposure=settings.exposure,
        edge_cidrs=settings.edge_cidrs,
    )


def _store(stack: Stack) -> UpstreamStore:
    directory = stack.settings.upstream_dir
    return UpstreamStore(directory=Path(directory).expanduser() if directory else None)


def _volume(stack: Stack, size: str, platform: "AwsPlatform | None") -> Volume:
    return Volume(
        size=size,
        access_mode=stack.settings.access_mode,
        storage_class=platform.storage_class if platform else stack.settings.storage_class,
        volume_name=platform.volume_name if platform else None,
    )


def aws_platform(stack: Stack, aws: AwsSettings, own_addons: frozenset[str]) -> "AwsPlatformArgs":
    """The account's half of the stack; `own_addons` are those in the stack's state."""
    # Slow to import, and only stacks on AWS need it.
    from components.aws_platform import AwsPlatformArgs
    from components.edge_node_group import EdgeNodes

    settings = stack.settings
    return AwsPlatformArgs(
        settled=settled(aws),
        region=aws.aws_region,
        tags={"project": NAMESPACE, "stack": stack.name, "owner": aws.owner},
        network=_network(aws),
        cluster_name=aws.eks_cluster or f"{NAMESPACE}-{stack.name}",
        cluster_exists=aws.eks_cluster is not None,
        kubernetes_version=aws.kubernetes_version,
        supported_versions=frozenset(versions.EKS),
        service_cidr=aws.service_cidr,
        api_cidrs=aws.api_cidrs,
        admins=aws.cluster_admins,
        addons=_addons(aws),
        own_addons=own_addons,
        edge=EdgeNodes(instance_types=aws.edge_instance_types, nodes=aws.edge_nodes),
        gpu_instance_types=aws.gpu_instance_types,
        gpu_capacity=aws.gpu_capacity,
        gpu_nodes=aws.gpu_nodes,
        gpu_nodes_min=aws.gpu_nodes_min,
        gpu_nodes_max=aws.gpu_nodes_max,
        gpu_autoscaler=aws.gpu_autoscaler,
        device_plugin=DevicePluginArgs(
            upstream=versions.DEVICE_PLUGIN, store=_store(stack), image_registry=settings.image_registry
        ),
        client_address=aws.client_address,
        cross_zone=aws.cross_zone,
        domain=settings.domain,
        dns_zone=aws.dns_zone,
        storage=aws.storage,
        snapshots=aws.snapshots is Snapshots.CSI,
        outputs_size=settings.outputs_size,
        namespace=settings.namespace,
        service_account=SERVICE_ACCOUNT,
        # An engine without a user of its own runs as root.
        user=stack.engine.user or 0,
        deletion_protection=settings.deletion_protection,
        keep_data=stack.profile.protect,
    )


def settled(aws: AwsSettings) -> dict[str, str]:
    """The settings that cannot change without a new cluster, by key."""
    return {
        "awsRegion": aws.aws_region,
        "eksCluster": aws.eks_cluster or "",
        "vpcId": aws.vpc_id or "",
        "vpcCidr": aws.vpc_cidr,
        "serviceCidr": aws.service_cidr,
        # The control plane stays in its zones, and the networks are counted off by them.
        "zones": ", ".join(aws.zones),
        "privateSubnetIds": ", ".join(aws.private_subnet_ids),
    }


_STORAGE_ADDONS = {
    StorageBackend.EFS: "aws-efs-csi-driver",
    StorageBackend.S3: "aws-mountpoint-s3-csi-driver",
}
"""Beside the EBS driver, which every cluster has."""


def _addons(aws: AwsSettings) -> tuple[Addon, ...]:
    unused = {addon for storage, addon in _STORAGE_ADDONS.items() if storage is not aws.storage}
    pinned = versions.EKS[aws.kubernetes_version]
    return tuple(Addon(name=name, version=version) for name, version in pinned.items() if name not in unused)


def _network(aws: AwsSettings) -> "NetworkArgs | ExistingNetwork":
    if aws.vpc_id is not None:
        return ExistingNetwork(
            vpc_id=aws.vpc_id,
            public_subnet_ids=aws.public_subnet_ids,
            private_subnet_ids=aws.private_subnet_ids,
        )
    from components.network import NetworkArgs

    return NetworkArgs(
        cidr=aws.vpc_cidr,
        region=aws.aws_region,
        zones=aws.zones,
        nat_per_zone=aws.nat_per_zone,
        flow_logs=aws.flow_logs,
    )
