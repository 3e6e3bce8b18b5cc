"""What a cluster is called, where its files are, and which addresses it has.

Every cluster takes a number. 198.18.0.0/15 is reserved for benchmarking (RFC 2544) and so collides with nobody's VPN
or home network; nodes live in its lower half, pods and services in the upper one, so that one CIDR names all nodes of
all clusters and no pod.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from local import paths
from local.errors import LocalError

NODES = ("edge", "gpu")
NODE_POOL_LABEL = "tts-platform/pool"
GPU_RESOURCE = "nvidia.com/gpu"
GPU_TAINT = {"key": GPU_RESOURCE, "value": "present", "effect": "NoSchedule"}
GPUS = 16
"""Pretend GPUs of the gpu node: two replicas of the service and their surge, ten ephemeral stacks, and two to spare."""

VOLUMES_SIZE = 64 * 2**30
"""Bytes of the file system with all volumes and snapshots; on the machine's disk it takes what they hold."""

_NODE_RANGE = IPv4Network("198.18.0.0/16")
_POD_RANGE = IPv4Network("198.19.0.0/16")
_CLUSTERS = 64
"""The upper half holds 64 times four networks of 254 addresses: one a node, one for services, one to spare."""


@dataclass(frozen=True)
class Cluster:
    """A cluster's name, its number, and the port of 127.0.0.1 that is forwarded to its edge."""

    name: str
    number: int
    port: int

    @property
    def directory(self) -> Path:
        """All that the cluster keeps."""
        return paths.CLUSTERS / self.name

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.directory / "kubeconfig"

    @property
    def logs(self) -> Path:
        """A log file a process."""
        return self.directory / "logs"

    @property
    def pki(self) -> Path:
        """Certificates, keys and the components' kubeconfigs."""
        return self.directory / "pki"

    @property
    def socket(self) -> Path:
        """Where the supervisor listens."""
        return self.directory / "supervisor.sock"

    def node_directory(self, node: str) -> Path:
        """The node's own /var, and its configuration."""
        return self.directory / "nodes" / node

    @property
    def volumes_file(self) -> Path:
        """The file system with all volumes and snapshots."""
        return self.directory / "volumes.btrfs"

    @property
    def volumes(self) -> Path:
        """Where that is mounted, within the cluster's own mount namespace."""
        return self.directory / "volumes"

    @property
    def cgroup(self) -> str:
        """Parent of every container's cgroup, in each hierarchy.

        The number tells clusters of one name apart that keep their state in different places.
        """
        return f"tts-platform-{self.name}-{self.number}"

    @property
    def link(self) -> str:
        """The one network link that the cluster has on the host."""
        return f"tts{self.number}"

    @cached_property
    def node_network(self) -> IPv4Network:
        """Addresses of the nodes, of the control plane and of the host's link."""
        return list(_NODE_RANGE.subnets(new_prefix=24))[self.number]

    @cached_property
    def _upper(self) -> list[IPv4Network]:
        quarter = list(_POD_RANGE.subnets(new_prefix=22))[self.number]
        return list(quarter.subnets(new_prefix=24))

    @property
    def host_address(self) -> IPv4Address:
        """The host's own end of the link."""
        return self.node_network[1]

    @property
    def control_address(self) -> IPv4Address:
        """Where the API server answers, on the host and in pods alike."""
        return self.node_network[2]

    def node_address(self, node: str) -> IPv4Address:
        """A node's address."""
        return self.node_network[3 + NODES.index(node)]

    def pod_network(self, node: str) -> IPv4Network:
        """Addresses of a node's pods."""
        return self._upper[NODES.index(node)]

    @property
    def cluster_network(self) -> IPv4Network:
        """All pods of the cluster."""
        return self._upper[0].supernet(new_prefix=23)

    @property
    def service_network(self) -> IPv4Network:
        """Addresses of services."""
        return self._upper[2]

    @property
    def api_service_address(self) -> IPv4Address:
        """The service `kubernetes`."""
        return self.service_network[1]

    @property
    def dns_address(self) -> IPv4Address:
        """The service `kube-dns`."""
        return self.service_network[10]

    @property
    def server(self) -> str:
        """URL of the API server."""
        return f"https://{self.control_address}:6443"


def check_name(name: str) -> str:
    """The name, if it can name a cluster; LocalError otherwise."""
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,19}", name):
        raise LocalError(f'"{name}" cannot name a cluster: write up to 20 small letters, digits and dashes.')
    return name


def known() -> list[Cluster]:
    """Every cluster that has a directory, running or not."""
    if not paths.CLUSTERS.is_dir():
        return []
    files = (directory / "cluster.json" for directory in sorted(paths.CLUSTERS.iterdir()))
    return [Cluster(file.parent.name, **json.loads(file.read_text())) for file in files if file.exists()]


def find(name: str) -> Cluster | None:
    """The cluster of that name, if there is one."""
    return next((cluster for cluster in known() if cluster.name == name), None)


def allocate(name: str, port: int) -> Cluster:
    """A new cluster with the lowest number that no other has, or the one that is there; its edge answers at `port`."""
    found = find(name)
    number = found.number if found is not None else _free_number()
    cluster = Cluster(name, number, port)
    cluster.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = cluster.directory / ".cluster.json"
    part.write_text(json.dumps({"number": number, "port": port}))
    part.rename(cluster.directory / "cluster.json")
    return cluster


def _free_number() -> int:
    links = {path.name for path in Path("/sys/class/net").iterdir()}
    taken = {cluster.number for cluster in known()}
    free = (n for n in range(_CLUSTERS) if n not in taken and f"tts{n}" not in links)
    number = next(free, None)
    if number is None:
        raise LocalError(f"{_CLUSTERS} clusters are there already: take one down with make down NAME=...")
    return number
