"""What the embedded cluster needs of the machine, checked before anything is changed."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
from pathlib import Path

from rich.console import Console

from local.errors import LocalError

WAY_OUT = "Name a cluster of your own instead: make up CONTEXT=<kube context>."

PACKAGES = {
    "runc": "runc",
    "nft": "nftables",
    "iptables": "iptables",
    "socat": "socat",
    "mmdebstrap": "mmdebstrap",
    "umoci": "umoci",
    "catatonit": "catatonit",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "taskset": "util-linux",
    "sysctl": "procps",
    "modprobe": "kmod",
    "mkfs.btrfs": "btrfs-progs",
}
"""Program, and the Debian package that has it."""

FILE_SYSTEMS = Path("/proc/filesystems")
LOOP_CONTROL = Path("/dev/loop-control")


def check_machine() -> None:
    """Refuses a machine that is not Linux, and a user who is not root."""
    if platform.system() != "Linux":
        raise LocalError(f"The embedded cluster needs Linux, this is {platform.system()}. {WAY_OUT}")
    if os.geteuid() != 0:
        raise LocalError(f"The embedded cluster needs root: run sudo make up. {WAY_OUT}")


def install_packages(console: Console) -> None:
    """Installs the Debian packages whose programs are missing."""
    missing = sorted({package for program, package in PACKAGES.items() if shutil.which(program) is None})
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise LocalError(f"Install these programs' packages first: {', '.join(missing)}. {WAY_OUT}")
    console.print(f"Installing {', '.join(missing)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *missing]):
        run = subprocess.run(
            ["apt-get", *command], env=environment, capture_output=True, text=True, check=False
        )
        if run.returncode != 0:
            last = (run.stderr or run.stdout).strip().splitlines()[-1:]
            raise LocalError(
                f"apt-get {command[0]} failed: {' '.join(last)}. Install {', '.join(missing)} by hand."
            )


def check_kernel() -> None:
    """Refuses a kernel without what NetworkPolicy or volumes need, when no module has it either."""
    _check_bridge()
    _check_file_system()


def _check_bridge() -> None:
    """Bridged traffic must pass iptables, or NetworkPolicy is not enforced within a node."""
    if not Path("/proc/sys/net/bridge").exists():
        subprocess.run(["modprobe", "br_netfilter"], capture_output=True, check=False)
        # Loading it makes the host's own bridges pass its firewall, which they did not before.
        for file in Path("/proc/sys/net/bridge").glob("bridge-nf-call-*"):
            file.write_text("0")
    if not Path("/proc/sys/net/bridge").exists():
        raise LocalError(f"This kernel has no br_netfilter, which NetworkPolicy needs here. {WAY_OUT}")


def _check_file_system() -> None:
    """Volumes and snapshots are on btrfs, in a file."""
    for module, there in (("btrfs", _knows_btrfs), ("loop", LOOP_CONTROL.exists)):
        if not there():
            subprocess.run(["modprobe", module], capture_output=True, check=False)
        if not there():
            raise LocalError(f"This kernel has no {module}, which volumes and snapshots need here. {WAY_OUT}")


def _knows_btrfs() -> bool:
    return "btrfs" in FILE_SYSTEMS.read_text().split()


def check_port(port: int) -> None:
    """Refuses a port of 127.0.0.1 that something listens on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise LocalError(
                f"Port {port} of 127.0.0.1 is in use ({error.strerror}): end what uses it, or make up PORT=<another>."
            ) from None


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
