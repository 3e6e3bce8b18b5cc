"""Configuration of a node: containerd, the pods' network, kubelet and kube-proxy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from local.cluster.layout import GPU_TAINT, Cluster

PAUSE_IMAGE = "localhost/tts-platform/pause:1.0.0"

CONTAINERD = """\
version = 3
root = "/var/lib/containerd"
state = "/run/containerd"

[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "{pause}"

[plugins.'io.containerd.cri.v1.runtime']
  disable_apparmor = true
  # Without CAP_SYS_RESOURCE nobody may lower a process's OOM score; containerd then takes the lowest it may.
  restrict_oom_score_adj = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["{tools}"]
    conf_dir = "{directory}/cni"
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
      SystemdCgroup = false
"""


def write(cluster: Cluster, node: str, tools: Path) -> list[str]:
    """Writes every file that the node's processes read, and the directories that become its /var.

    Returns what the files say.
    """
    directory = cluster.node_directory(node)
    var = directory / "var"
    for path in ("lib/kubelet", "lib/containerd", "lib/volumes", "log/pods", "log/containers", "tmp"):
        (var / path).mkdir(parents=True, exist_ok=True)
    for name, target in (("run", "/run"), ("lock", "/run/lock")):
        if not (var / name).is_symlink():
            (var / name).symlink_to(target)
    (directory / "cni").mkdir(exist_ok=True)
    files = {
        "containerd.toml": CONTAINERD.format(pause=PAUSE_IMAGE, tools=tools, directory=directory),
        "cni/10-pods.conflist": json.dumps(_pod_network(cluster, node), indent=2),
        "kubelet.yaml": yaml.safe_dump(_kubelet(cluster, node)),
        "kube-proxy.yaml": yaml.safe_dump(_kube_proxy(cluster, node)),
        # Pods have the cluster's DNS and nothing else: the embedded cluster reaches no network but its own.
        "resolv.conf": "",
    }
    for name, text in files.items():
        write_if_changed(directory / name, text)
    return list(files.values())


def write_if_changed(file: Path, text: str) -> None:
    """Writes a file unless it says so already: kube-proxy ends when its configuration is touched."""
    if not file.exists() or file.read_text() != text:
        file.write_text(text)


def _pod_network(cluster: Cluster, node: str) -> dict[str, Any]:
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        # Pods keep their own addresses among themselves, or no NetworkPolicy could tell them apart.
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": str(cluster.pod_network(node))}]],
            "routes": [{"dst": "0.0.0.0/0"}],
            # On /run, which is empty after a restart as the node's pods are: no address stays reserved.
            "dataDir": "/run/cni",
        },
    }
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True, "backend": "nftables"}
    return {"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge, portmap]}


def _kubelet(cluster: Cluster, node: str) -> dict[str, Any]:
    pki = cluster.pki
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": str(cluster.node_address(node)),
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(pki / f"kubelet-{node}.crt"),
        "tlsPrivateKeyFile": str(pki / f"kubelet-{node}.key"),
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "clusterDNS": [str(cluster.dns_address)],
        "clusterDomain": "cluster.local",
        "resolvConf": str(cluster.node_directory(node) / "resolv.conf"),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cluster.cgroup}/{node}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "healthzBindAddress": "127.0.0.1",
        # Images cannot be pulled again here, so that none is ever collected.
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        # The disk is the host's; how full it is says nothing about this node.
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "0%", "imagefs.available": "0%"},
        "registerWithTaints": [GPU_TAINT] if node == "gpu" else [],
        "oomScoreAdj": 0,
    }


def _kube_proxy(cluster: Cluster, node: str) -> dict[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": str(cluster.pki / "kube-proxy.kubeconfig")},
        "clusterCIDR": str(cluster.cluster_network),
        "hostnameOverride": node,
        # 0 leaves the host's conntrack limits alone.
        "conntrack": {"maxPerCore": 0},
        "oomScoreAdj": 0,
    }
