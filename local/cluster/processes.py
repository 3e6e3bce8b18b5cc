"""The cluster's processes, and the supervisor (supervisord) that keeps them running.

All of them live in one PID namespace and one mount namespace with the supervisor as their init. When it ends, however
it ends, the kernel ends everything else: no process, mount, network namespace or link can be left behind.
"""

from __future__ import annotations

import hashlib
import io
import os
import resource
import subprocess
import sys
import time
from configparser import RawConfigParser
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xmlrpc.client import ServerProxy

import psutil
from supervisor.xmlrpc import SupervisorTransport

from local import paths
from local.cluster import nodes
from local.cluster.layout import GPU_RESOURCE, GPUS, NODE_POOL_LABEL, NODES, Cluster
from local.errors import LocalError

CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Program:
    """A process that the supervisor keeps running."""

    name: str
    command: tuple[str, ...]


def programs(cluster: Cluster, tools: Path) -> list[Program]:
    """Every process of the cluster, in the order in which they start."""
    listed = [*_control_plane(cluster, tools)]
    for node in NODES:
        listed += _node(cluster, tools, node)
    forward = (
        "socat",
        f"TCP4-LISTEN:{cluster.port},bind=127.0.0.1,reuseaddr,fork",
        f"TCP4:{cluster.node_address('edge')}:443",
    )
    return [*listed, Program("forward-https", forward)]


def namespaces(cluster: Cluster) -> Path:
    """Where the namespaces are mounted, within the cluster's own mount namespace."""
    return cluster.directory / "namespaces"


def _within(cluster: Cluster, name: str, *, mounts: bool) -> tuple[str, ...]:
    directory = namespaces(cluster)
    enter = ("nsenter", f"--net={directory}/{name}.net")
    return (*enter, f"--mount={directory}/{name}.mnt") if mounts else enter


def _control_plane(cluster: Cluster, tools: Path) -> list[Program]:
    pki = cluster.pki
    within = _within(cluster, "control", mounts=False)
    etcd = (
        f"{tools}/etcd",
        f"--data-dir={cluster.directory}/etcd",
        "--listen-client-urls=http://127.0.0.1:2379",
        "--advertise-client-urls=http://127.0.0.1:2379",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--initial-advertise-peer-urls=http://127.0.0.1:2380",
        "--initial-cluster=default=http://127.0.0.1:2380",
    )
    apiserver = (
        f"{tools}/kube-apiserver",
        "--etcd-servers=http://127.0.0.1:2379",
        f"--advertise-address={cluster.control_address}",
        f"--service-cluster-ip-range={cluster.service_network}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        "--anonymous-auth=false",
        f"--client-ca-file={pki}/ca.crt",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--kubelet-client-certificate={pki}/apiserver-kubelet.crt",
        f"--kubelet-client-key={pki}/apiserver-kubelet.key",
        f"--kubelet-certificate-authority={pki}/ca.crt",
        "--kubelet-preferred-address-types=InternalIP",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={pki}/service-account.key",
        f"--service-account-signing-key-file={pki}/service-account.key",
        # Webhooks are called at their pods' addresses: no kube-proxy runs beside the API server.
        "--enable-aggregator-routing=true",
    )
    controller_manager = (
        f"{tools}/kube-controller-manager",
        f"--kubeconfig={pki}/controller-manager.kubeconfig",
        f"--service-account-private-key-file={pki}/service-account.key",
        f"--root-ca-file={pki}/ca.crt",
        "--use-service-account-credentials=true",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
    )
    scheduler = (
        f"{tools}/kube-scheduler",
        f"--kubeconfig={pki}/scheduler.kubeconfig",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
    )
    return [
        Program("etcd", (*within, *etcd)),
        Program("kube-apiserver", (*within, *apiserver)),
        Program("kube-controller-manager", (*within, *controller_manager)),
        Program("kube-scheduler", (*within, *scheduler)),
    ]


def _node(cluster: Cluster, tools: Path, node: str) -> list[Program]:
    directory = cluster.node_directory(node)
    within = _within(cluster, node, mounts=True)
    kubelet = (
        f"{tools}/kubelet",
        f"--config={directory}/kubelet.yaml",
        f"--kubeconfig={cluster.pki}/kubelet-{node}.kubeconfig",
        f"--hostname-override={node}",
        f"--node-ip={cluster.node_address(node)}",
        f"--node-labels={NODE_POOL_LABEL}={node}",
    )
    listed = [
        Program(
            f"containerd-{node}", (*within, f"{tools}/containerd", f"--config={directory}/containerd.toml")
        ),
        Program(f"kubelet-{node}", (*within, *kubelet)),
        Program(
            f"kube-proxy-{node}", (*within, f"{tools}/kube-proxy", f"--config={directory}/kube-proxy.yaml")
        ),
    ]
    if node == "gpu":
        plugin = (f"{tools}/gpu-device-plugin", f"--resource={GPU_RESOURCE}", f"--count={GPUS}")
        listed.append(Program("gpu-device-plugin", (*within, *plugin)))
    return listed


def configure(cluster: Cluster, tools: Path) -> str:
    """Writes the configuration of every process and returns its hash."""
    cluster.logs.mkdir(exist_ok=True)
    namespaces(cluster).mkdir(exist_ok=True)
    config = RawConfigParser()
    config["unix_http_server"] = {"file": str(cluster.socket), "chmod": "0700"}
    config["rpcinterface:supervisor"] = {
        "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
    }
    config["supervisord"] = {
        "nodaemon": "true",
        "silent": "true",
        "user": "root",
        "directory": str(cluster.directory),
        "logfile": str(cluster.logs / "supervisord.log"),
        "pidfile": str(cluster.directory / "supervisord.pid"),
        "minfds": "65536" if _hard_limit_allows(65536) else "1024",
    }
    for priority, program in enumerate(programs(cluster, tools), start=1):
        config[f"program:{program.name}"] = {
            "command": " ".join(program.command),
            "priority": str(priority),
            "environment": f'PATH="{tools}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"',
            "autorestart": "true",
            # A process that waits for another one ends and is started again, each time a second later.
            "startretries": "1000000",
            "redirect_stderr": "true",
            "stdout_logfile": str(cluster.logs / f"{program.name}.log"),
            "stdout_logfile_maxbytes": "20MB",
            "stdout_logfile_backups": "1",
        }
    text = io.StringIO()
    config.write(text)
    nodes.write_if_changed(cluster.directory / "supervisord.conf", text.getvalue())
    digest = hashlib.sha256(text.getvalue().encode())
    for node in NODES:
        for written in nodes.write(cluster, node, tools):
            digest.update(written.encode())
    return digest.hexdigest()


def _hard_limit_allows(files: int) -> bool:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return hard == resource.RLIM_INFINITY or hard >= files


def init(cluster: Cluster) -> psutil.Process | None:
    """The process whose end is the end of everything that the cluster runs."""
    wanted = ["-m", "local.cluster.boot", str(cluster.directory)]
    for process in psutil.process_iter():
        try:
            command = process.cmdline()
        except psutil.Error:
            continue
        if command[:1] == ["unshare"] and command[-3:] == wanted:
            return process
    return None


def runs(cluster: Cluster, configuration: str) -> bool:
    """Whether the cluster runs, with the configuration of that hash."""
    started = cluster.directory / "started"
    return init(cluster) is not None and started.exists() and started.read_text() == configuration


def start(cluster: Cluster, configuration: str) -> None:
    """Starts the supervisor in namespaces of its own, and waits until it answers."""
    # A mount namespace can only be mounted within one that is older by its id, and newer kernels count ids on each
    # CPU by itself (seen on 6.18): the cluster's namespace and its nodes' are all made on one.
    cpu = str(min(os.sched_getaffinity(0)))
    command = ["taskset", "--cpu-list", cpu, "unshare", "--pid", "--fork", "--kill-child"]
    command += ["--mount", "--propagation", "private"]
    boot = [sys.executable, "-m", "local.cluster.boot", str(cluster.directory)]
    cluster.socket.unlink(missing_ok=True)
    with (cluster.logs / "boot.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, *boot],
            cwd=paths.CHECKOUT,
            # The variables that decide where a cluster's files are have to decide the same within.
            env={"PATH": os.environ["PATH"], "HOME": str(Path.home()), **_directories()},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    # Written only now: whoever is interrupted before this starts the cluster anew the next time.
    (cluster.directory / "started").write_text(configuration)
    deadline = time.monotonic() + 30
    while not cluster.socket.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            stop(cluster)
            last = (cluster.logs / "boot.log").read_text().strip().splitlines()[-1:]
            raise LocalError(f"The cluster's namespaces could not be made: {' '.join(last) or 'no message'}")
        time.sleep(0.1)


def _directories() -> dict[str, str]:
    return {name: os.environ[name] for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME") if name in os.environ}


def stop(cluster: Cluster) -> None:
    """Ends every process of the cluster and removes its cgroups. Its state stays."""
    process = init(cluster)
    if process is not None:
        children = process.children(recursive=True)
        process.kill()
        psutil.wait_procs([process, *children], timeout=30)
    _wait_for_link_to_go(cluster)
    _wait_for_volumes_to_go(cluster)
    _remove_cgroups(cluster)


def _wait_for_link_to_go(cluster: Cluster) -> None:
    """The kernel removes the network namespaces, and the host's link with them, a moment after their last process."""
    deadline = time.monotonic() + 30
    while (Path("/sys/class/net") / cluster.link).exists():
        if time.monotonic() > deadline:
            raise LocalError(
                f"Link {cluster.link} does not go: remove it with ip link delete {cluster.link}."
            )
        time.sleep(0.05)


def _wait_for_volumes_to_go(cluster: Cluster) -> None:
    """The kernel writes the file system with the volumes out, and gives its loop device back."""
    deadline = time.monotonic() + 60
    while device := _loop_device(cluster.volumes_file):
        if time.monotonic() > deadline:
            raise LocalError(
                f"{cluster.volumes_file} is still mounted: end what uses it; losetup shows {device}."
            )
        time.sleep(0.05)


def _loop_device(file: Path) -> str | None:
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            if backing.read_text().strip() == str(file):
                return f"/dev/{backing.parent.parent.name}"
        except OSError:
            # It has just been given back.
            continue
    return None


def _remove_cgroups(cluster: Cluster) -> None:
    deadline = time.monotonic() + 30
    # runc makes its cgroups in cgroup v2's tree too where that is mounted beside v1's.
    for parent in [*CGROUPS.glob(cluster.cgroup), *CGROUPS.glob(f"*/{cluster.cgroup}")]:
        while parent.exists():
            for directory in sorted(parent.rglob("*/"), key=lambda path: len(path.parts), reverse=True):
                _rmdir(directory)
            _rmdir(parent)
            if parent.exists() and time.monotonic() > deadline:
                raise LocalError(
                    f"{parent} cannot be removed: a process in it does not end; see {parent}/cgroup.procs"
                )
            time.sleep(0.05)


def _rmdir(directory: Path) -> None:
    try:
        directory.rmdir()
    except OSError:
        # The kernel takes a moment to let go of a cgroup whose last process has just ended.
        return


def cgroup_hierarchies() -> list[Path]:
    """Where cgroups are made: each controller's own tree, or the one tree of cgroup v2."""
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS]
    directories = (path for path in sorted(CGROUPS.iterdir()) if path.is_dir() and not path.is_symlink())
    return [path for path in directories if path.name != "unified"]


def supervisor(cluster: Cluster) -> Any:
    """The supervisor's interface; raises OSError where it does not run."""
    transport = SupervisorTransport(None, None, f"unix://{cluster.socket}")
    return ServerProxy("http://127.0.0.1", transport=transport).supervisor
