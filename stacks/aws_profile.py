"""What a profile says of AWS."""

from dataclasses import dataclass

from components.capacity import Capacity
from components.storage_backend import StorageBackend


@dataclass(frozen=True, kw_only=True)
class AwsProfile:
    """An environment's shape on AWS; each field is the default of the key of its name."""

    vpc_cidr: str
    nat_per_zone: bool
    """One NAT gateway a zone costs more, and lets a zone fail alone."""

    flow_logs: bool
    edge_instance_types: tuple[str, ...]
    """x86, with memory for Envoy, Contour, cert-manager and the add-ons' controllers."""

    edge_nodes: int
    gpu_capacity: Capacity
    cross_zone: bool
    storage: StorageBackend
