"""An AWS account's half of a stack: network, cluster, GPU nodes, load balancer and storage, in the order they need.

Makes a network and an EKS cluster, or joins those that are there, and hands out a Kubernetes provider for the cluster.
Refuses nothing by itself: each of its parts says what it refuses.
https://docs.aws.amazon.com/eks/latest/best-practices/introduction.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from components.aws_account import account
from components.block_storage import BlockStorage, BlockStorageArgs
from components.capacity import Capacity
from components.cluster import ClusterArgs, SettledRecord, connect
from components.device_plugin import DevicePlugin, DevicePluginArgs
from components.edge import ClientAddress
from components.edge_load_balancer import EdgeLoadBalancer, EdgeLoadBalancerArgs
from components.edge_node_group import EdgeNodes
from components.eks_addon import Addon
from components.eks_cluster import EksCluster, EksClusterArgs
from components.gpu_node_pool import GpuNodePool, GpuNodePoolArgs
from components.hosted_zone import find_zone
from components.network import Network, NetworkArgs
from components.outputs_bucket import OutputsBucket, OutputsBucketArgs
from components.shared_file_system import SharedFileSystem, SharedFileSystemArgs
from components.snapshot_copies import SnapshotCopies, SnapshotCopiesArgs, refuse_another_key
from components.storage_backend import Provisioning, StorageBackend
from components.subnets import ExistingNetwork

_GPU_ROOT_GIB = 150
"""Root volume of a GPU node: an image of 20 GB packed and unpacked, the one that it replaces, the system, and air."""


@dataclass(frozen=True, kw_only=True)
class AwsPlatformArgs:
    """Everything that an environment decides about its account."""

    settled: Mapping[str, str]
    """The settings that cannot change without a new cluster, by key: kept in the state, for the next update to ask."""

    region: str
    tags: Mapping[str, str]
    """On everything that can carry tags."""

    network: NetworkArgs | ExistingNetwork
    cluster_name: str
    cluster_exists: bool
    """Whether to join the cluster of that name instead of making it."""

    kubernetes_version: str
    supported_versions: frozenset[str]
    service_cidr: str
    api_cidrs: tuple[str, ...]
    admins: tuple[str, ...]
    addons: tuple[Addon, ...]
    own_addons: frozenset[str]
    edge: EdgeNodes
    gpu_instance_types: tuple[str, ...]
    gpu_capacity: Capacity
    gpu_nodes: int
    gpu_nodes_min: int
    gpu_nodes_max: int
    gpu_autoscaler: bool
    device_plugin: DevicePluginArgs
    client_address: ClientAddress
    cross_zone: bool
    domain: str
    dns_zone: str | None
    """Name of a public Route 53 hosted zone of the account."""

    storage: StorageBackend
    snapshot_copies: SnapshotCopiesArgs | None
    """None: no snapshot of a disk leaves its region, its account, or the month."""

    outputs_size: str
    namespace: str
    service_account: str
    """The speech pods' own, in `namespace`."""

    user: int
    """The uid and gid that the speech pods write as."""

    deletion_protection: bool
    """Whether EKS and the load balancer refuse to be deleted."""

    names_below: bool
    """Whether every name below `domain` leads to the load balancer too, where `dns_zone` holds it."""

    keep_data: bool
    """Whether a destroy leaves what was spoken: disks, file system, bucket."""


class AwsPlatform(pulumi.ComponentResource):
    """Network, cluster, GPU node pool, load balancer, storage."""

    provider: kubernetes.Provider
    """For everything that goes onto the cluster."""

    connection: ClusterArgs
    """Its kubeconfig is secret, and wants the AWS CLI beside it."""

    system: Sequence[pulumi.Resource]
    """What must be there before any pod runs, and must go after the last."""

    load_balancer: pulumi.Output[str]
    """DNS name that the service's domain is to point to."""

    volumes: Provisioning
    """Where the service's volumes come from."""

    def __init__(self, name: str, args: AwsPlatformArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("tts-platform:aws:AwsPlatform", name, None, opts)
        self._name = name
        self._args = args
        SettledRecord(f"{name}-settled", args.settled, pulumi.ResourceOptions(parent=self))
        self._aws = account(f"{name}-account", region=args.region, tags=args.tags, parent=self)

        # Before anything is made.
        self._zone = find_zone(args.dns_zone, self._aws) if args.dns_zone is not None else None
        if args.snapshot_copies is not None:
            refuse_another_key(args.snapshot_copies, self._aws)
        network = self._network()
        cluster = self._cluster(network)
        self.connection = ClusterArgs(
            kubeconfig=cluster.kubeconfig, context=cluster.cluster_name, server=cluster.endpoint
        )
        self.provider = connect("cluster", self.connection)
        self._gpu_nodes(network, cluster)
        self.load_balancer = self._load_balancer(network, cluster)
        self.volumes = self._storage(network, cluster)
        if args.snapshot_copies is not None:
            SnapshotCopies(f"{name}-snapshot-copies", args.snapshot_copies, self._in_account())

        self.system = cluster.system
        self.register_outputs({"load_balancer": self.load_balancer})

    def _network(self) -> Network | ExistingNetwork:
        if isinstance(self._args.network, ExistingNetwork):
            return self._args.network
        return Network(f"{self._name}-network", self._args.network, self._in_account())

    def _cluster(self, network: Network | ExistingNetwork) -> EksCluster:
        args = self._args
        return EksCluster(
            f"{self._name}-cluster",
            EksClusterArgs(
                name=args.cluster_name,
                existing=args.cluster_exists,
                region=args.region,
                kubernetes_version=args.kubernetes_version,
                supported_versions=args.supported_versions,
                vpc_id=network.vpc_id,
                private_subnet_ids=network.private_subnet_ids,
                routes=network.private_routes if isinstance(network, Network) else (),
                service_cidr=args.service_cidr,
                api_cidrs=args.api_cidrs,
                admins=args.admins,
                deletion_protection=args.deletion_protection,
                addons=args.addons,
                own_addons=args.own_addons,
                edge=args.edge,
                tags=args.tags,
            ),
            self._in_account(),
        )

    def _gpu_nodes(self, network: Network | ExistingNetwork, cluster: EksCluster) -> None:
        args = self._args
        pool = GpuNodePool(
            f"{self._name}-gpu",
            GpuNodePoolArgs(
                cluster_name=cluster.cluster_name,
                node_role_arn=cluster.node_role_arn,
                kubernetes_version=cluster.kubernetes_version,
                # A disk stays in its zone, and a pod that comes back elsewhere would wait for it for ever.
                subnet_ids=network.private_subnet_ids[:1]
                if args.storage is StorageBackend.EBS
                else network.private_subnet_ids,
                instance_types=args.gpu_instance_types,
                capacity=args.gpu_capacity,
                minimum=args.gpu_nodes_min,
                maximum=args.gpu_nodes_max,
                desired=args.gpu_nodes,
                autoscaled=args.gpu_autoscaler,
                root_gib=_GPU_ROOT_GIB,
                tags=args.tags,
            ),
            # A node without a network plugin never becomes ready, and the pool would wait for it.
            self._in_account(cluster.system),
        )
        DevicePlugin(f"{self._name}-gpu-device-plugin", args.device_plugin, self._on_cluster([pool]))

    def _load_balancer(self, network: Network | ExistingNetwork, cluster: EksCluster) -> pulumi.Output[str]:
        args = self._args
        return EdgeLoadBalancer(
            f"{self._name}-edge",
            EdgeLoadBalancerArgs(
                vpc_id=network.vpc_id,
                public_subnet_ids=network.public_subnet_ids,
                autoscaling_group=cluster.edge_autoscaling_group,
                node_security_group_id=cluster.edge_security_group_id,
                client_address=args.client_address,
                cross_zone=args.cross_zone,
                deletion_protection=args.deletion_protection,
                domain=args.domain,
                zone=self._zone,
                wildcard=args.names_below,
            ),
            self._in_account(),
        ).dns_name

    def _storage(self, network: Network | ExistingNetwork, cluster: EksCluster) -> Provisioning:
        args, name = self._args, f"{self._name}-storage"
        match args.storage:
            case StorageBackend.EBS:
                block = BlockStorageArgs(keep=args.keep_data)
                disks = BlockStorage(name, block, self._on_cluster(cluster.system))
                return Provisioning(storage_class=disks.storage_class)
            case StorageBackend.EFS:
                shared = SharedFileSystem(
                    name,
                    SharedFileSystemArgs(
                        vpc_id=network.vpc_id,
                        subnet_ids=_by_zone(network, args.network),
                        client_security_group_id=cluster.security_group_id,
                        user=args.user,
                        keep=args.keep_data,
                        after=cluster.system,
                    ),
                    self._on_both(),
                )
                return Provisioning(storage_class=shared.storage_class)
            case StorageBackend.S3:
                bucket = OutputsBucket(
                    name,
                    OutputsBucketArgs(
                        region=args.region,
                        cluster_name=cluster.cluster_name,
                        namespace=args.namespace,
                        service_account=args.service_account,
                        keep=args.keep_data,
                        size=args.outputs_size,
                        user=args.user,
                        after=cluster.system,
                    ),
                    self._on_both(),
                )
                return Provisioning(volume_name=bucket.volume_name)

    def _in_account(self, after: Sequence[pulumi.Resource] = ()) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, providers=[self._aws], depends_on=[*after])

    def _on_cluster(self, after: Sequence[pulumi.Resource]) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, providers=[self.provider], depends_on=[*after])

    def _on_both(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, providers=[self._aws, self.provider])


def _by_zone(
    network: Network | ExistingNetwork, settings: NetworkArgs | ExistingNetwork
) -> Mapping[str, pulumi.Input[str]]:
    """The private subnets by a name that stays: their zones', or their own where nobody has said the zones."""
    names = settings.private_subnet_ids if isinstance(settings, ExistingNetwork) else settings.zones
    return dict(zip(names, network.private_subnet_ids, strict=True))
