"""What a stack on AWS says of its account, cluster, nodes, edge and storage. Every field is a config key of its own."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from components.capacity import Capacity
from components.edge import ClientAddress
from components.storage_backend import StorageBackend
from stacks.aws_values import (
    AccountId,
    ApiCidr,
    ArchiveMonths,
    AwsRegion,
    Days,
    Ec2Type,
    KmsKey,
    KubernetesMinor,
    Principal,
    ServiceCidr,
    SubnetId,
    Tag,
    VpcCidr,
    VpcId,
    X86Type,
    Zone,
)
from stacks.values import Count, Domain, Flag, Text, Whole


class AwsSettings(BaseModel):
    """The keys that mean something on AWS only. Pulumi.yaml says what each is for."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    aws_region: AwsRegion
    owner: Tag
    eks_cluster: Text | None = None
    kubernetes_version: KubernetesMinor
    cluster_admins: tuple[Principal, ...] = ()
    api_cidrs: tuple[ApiCidr, ...] = ()
    service_cidr: ServiceCidr
    vpc_cidr: VpcCidr
    zones: tuple[Zone, ...] = ()
    nat_per_zone: Flag
    flow_logs: Flag
    vpc_id: VpcId | None = None
    public_subnet_ids: tuple[SubnetId, ...] = ()
    private_subnet_ids: tuple[SubnetId, ...] = ()
    edge_instance_types: tuple[X86Type, ...]
    edge_nodes: Whole
    gpu_instance_types: tuple[Ec2Type, ...]
    gpu_capacity: Capacity
    accept_interruptions: Flag = False
    gpu_nodes: Count
    gpu_nodes_min: Count
    gpu_nodes_max: Whole
    gpu_autoscaler: Flag = False
    client_address: ClientAddress
    cross_zone: Flag
    dns_zone: Domain | None = None
    storage: StorageBackend
    snapshot_copy_region: AwsRegion | None = None
    snapshot_copies_kept: Days | None = None
    snapshot_share_accounts: tuple[AccountId, ...] = ()
    snapshot_archive_months: ArchiveMonths | None = None
    snapshot_kms_key: KmsKey | None = None
