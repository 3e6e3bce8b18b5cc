"""First process of a cluster's namespaces: makes its network and its nodes, then becomes the supervisor.

Run as `unshare --pid --mount ... python -m local.cluster.boot <directory>`. Mounts and network namespaces that it makes
exist only here and end with it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from local import paths
from local.cluster import layout, processes
from local.cluster.layout import NODES, VOLUMES_SIZE, Cluster

KERNEL_TUNABLES = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1_000_000,
    "kernel/keys/root_maxbytes": 25_000_000,
}
"""What kubelet sets for the whole machine (pkg/util/sysctl). In a node's mount namespace files that say so already are
mounted over them: kubelet finds what it wants, and the machine keeps what it has."""

CGROUP_CONTROLLERS = ("cpuset", "cpu", "io", "memory", "hugetlb", "pids")

NODE_MOUNTS = """
set -e
mount --bind {directory}/var /var
mount --bind {volumes} /var/lib/volumes
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/netns /run/nri
cd {directory}/sys
for file in $(find . -type f); do test ! -e /proc/sys/$file || mount --bind $file /proc/sys/$file; done
cd /
mount --make-rshared /
"""


def main() -> None:
    """Makes the namespaces' contents; does not return, the supervisor takes its place."""
    directory = Path(sys.argv[1])
    cluster = layout.find(directory.name)
    if cluster is None or cluster.directory != directory:
        sys.exit(f"{directory} is no cluster of {paths.CLUSTERS}")
    _run("mount", "-t", "proc", "proc", "/proc")
    _run("mount", "-t", "tmpfs", "-o", "mode=700", "tmpfs", str(processes.namespaces(cluster)))
    _network(cluster)
    _volumes(cluster)
    for node in NODES:
        _node_mounts(cluster, node)
        _node_cgroups(cluster, node)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    configuration = str(cluster.directory / "supervisord.conf")
    supervisord = [sys.executable, "-m", "supervisor.supervisord", "--configuration", configuration]
    os.execv(sys.executable, supervisord)  # noqa: S606 - the supervisor takes this process's place as the namespace's init


def _network(cluster: Cluster) -> None:
    """One bridge in a network namespace of the control plane; the host and each node hang on it by a veth pair."""
    directory = processes.namespaces(cluster)
    for name in ("control", *NODES):
        file = directory / f"{name}.net"
        file.touch()
        _run("unshare", f"--net={file}", "true")
        _in_network(cluster, name, "ip", "link", "set", "lo", "up")
    prefix = cluster.node_network.prefixlen
    _in_network(cluster, "control", "ip", "link", "add", "nodes", "type", "bridge")
    _in_network(
        cluster, "control", "ip", "address", "add", f"{cluster.control_address}/{prefix}", "dev", "nodes"
    )
    _in_network(cluster, "control", "ip", "link", "set", "nodes", "up")
    _run(
        "ip",
        "link",
        "add",
        cluster.link,
        "type",
        "veth",
        "peer",
        "name",
        "host",
        "netns",
        f"{directory}/control.net",
    )
    _run("ip", "address", "add", f"{cluster.host_address}/{prefix}", "dev", cluster.link)
    _run("ip", "link", "set", cluster.link, "up")
    _on_bridge(cluster, "host")
    for node in NODES:
        peer = ("peer", "name", "eth0", "netns", f"{directory}/{node}.net")
        _in_network(cluster, "control", "ip", "link", "add", node, "type", "veth", *peer)
        _on_bridge(cluster, node)
        address = f"{cluster.node_address(node)}/{prefix}"
        _in_network(cluster, node, "ip", "address", "add", address, "dev", "eth0")
        _in_network(cluster, node, "ip", "link", "set", "eth0", "up")
        # kube-proxy needs a default route to accept a service's address as somewhere to go.
        _in_network(cluster, node, "ip", "route", "add", "default", "via", str(cluster.control_address))
        _in_network(cluster, node, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        _filter_pod_traffic(cluster, node)
    for name in ("control", *NODES):
        for node in NODES:
            if node != name:
                route = (str(cluster.pod_network(node)), "via", str(cluster.node_address(node)))
                _in_network(cluster, name, "ip", "route", "add", *route)


def _on_bridge(cluster: Cluster, link: str) -> None:
    _in_network(cluster, "control", "ip", "link", "set", link, "master", "nodes", "up")


def _filter_pod_traffic(cluster: Cluster, node: str) -> None:
    """Sends each new connection of a pod to the NetworkPolicy agent; while that does not run, none is let through.

    The agent's own nftables rule needs a kernel with NFT_QUEUE; this one works with and without.
    """
    # Pods of one node talk over its bridge, past iptables unless this is on.
    _in_network(cluster, node, "sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=1")
    rule = ("-m", "conntrack", "--ctstate", "NEW", "-j", "NFQUEUE", "--queue-num", "100")
    _in_network(cluster, node, "iptables", "-I", "FORWARD", *rule)


def _volumes(cluster: Cluster) -> None:
    """Mounts the file system with all volumes, made at the first start; every node's namespace then has it.

    The kernel gives the loop device back when the last of these mounts ends.
    """
    file = cluster.volumes_file
    if not file.exists():
        part = file.with_suffix(".part")
        with part.open("wb") as new:
            new.truncate(VOLUMES_SIZE)
        _run("mkfs.btrfs", "--quiet", "--force", str(part))
        part.rename(file)
    cluster.volumes.mkdir(exist_ok=True)
    # What is deleted in it gives its room on the machine's disk back.
    _run("mount", "-t", "btrfs", "-o", "loop,noatime,discard=async", str(file), str(cluster.volumes))
    # A volume's size is a limit of its quota group.
    _run("btrfs", "quota", "enable", str(cluster.volumes))


def _node_mounts(cluster: Cluster, node: str) -> None:
    file = processes.namespaces(cluster) / f"{node}.mnt"
    file.touch()
    for name, value in KERNEL_TUNABLES.items():
        tunable = cluster.node_directory(node) / "sys" / name
        tunable.parent.mkdir(parents=True, exist_ok=True)
        tunable.write_text(f"{value}\n")
    script = NODE_MOUNTS.format(directory=cluster.node_directory(node), volumes=cluster.volumes)
    _run("unshare", f"--mount={file}", "--propagation", "private", "sh", "-c", script)


def _node_cgroups(cluster: Cluster, node: str) -> None:
    for hierarchy in processes.cgroup_hierarchies():
        own = hierarchy / cluster.cgroup
        (own / node).mkdir(parents=True, exist_ok=True)
        if (hierarchy / "cgroup.controllers").exists():
            for parent in (hierarchy, own):
                _pass_controllers_on(parent)
            continue
        for name in ("cpuset.cpus", "cpuset.mems"):
            # A new cpuset of cgroup v1 is empty, and no process can be put into it.
            if (hierarchy / name).exists():
                value = (hierarchy / name).read_text()
                (own / name).write_text(value)
                (own / node / name).write_text(value)


def _pass_controllers_on(parent: Path) -> None:
    """In cgroup v2 a child has the controllers that its parent hands down; kubelet asks for all of these."""
    there = set((parent / "cgroup.controllers").read_text().split())
    handed_down = set((parent / "cgroup.subtree_control").read_text().split())
    for controller in CGROUP_CONTROLLERS:
        if controller in there - handed_down:
            (parent / "cgroup.subtree_control").write_text(f"+{controller}")


def _in_network(cluster: Cluster, name: str, *command: str) -> None:
    _run("nsenter", f"--net={processes.namespaces(cluster)}/{name}.net", *command)


def _run(*command: str) -> None:
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit(f"{' '.join(command)}: {run.stderr.strip() or run.stdout.strip() or run.returncode}")


if __name__ == "__main__":
    main()
