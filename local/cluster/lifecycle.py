"""Bringing a cluster up, mending it, and taking it down."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path

from rich.console import Console
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from local import paths, preflight, toolchain
from local.cluster import addons, layout, pki, processes
from local.cluster.layout import NODES, Cluster
from local.errors import LocalError
from local.files import claimed, exclusive
from local.images import assembly

DEFAULT_PORT = 8443


def up(name: str, port: int | None, console: Console) -> Cluster:
    """A running cluster of that name; one that is broken or half made is mended, one that is well is left alone.

    `port` of 127.0.0.1 is forwarded to the edge's port 443. None keeps the port that the cluster has, 0 does too and
    takes a free one for a new cluster.
    """
    layout.check_name(name)
    preflight.check_machine()
    preflight.install_packages(console)
    preflight.check_kernel()
    with _locked(name):
        found = layout.find(name)
        if not port:
            port = (
                found.port if found is not None else DEFAULT_PORT if port is None else preflight.free_port()
            )
        running = found is not None and processes.init(found) is not None
        if not running or (found is not None and found.port != port):
            preflight.check_port(port)
        tools = toolchain.ensure(console)
        images = assembly.archive(console, tools)
        with exclusive(paths.CLUSTERS / ".numbers.lock"):
            cluster = layout.allocate(name, port)
        configuration = processes.configure(cluster, tools)
        if not processes.runs(cluster, configuration):
            if running:
                console.print(
                    "The cluster's configuration has changed: starting it anew. Pods and volumes come back."
                )
            console.print(f"Starting cluster {name}")
            # Also where none runs: kubelet would look for the containers of a killed one's cgroups, 3 s for each.
            processes.stop(cluster)
            pki.issue_all(cluster)
            processes.start(cluster, configuration)
        for node in NODES:
            load_images(cluster, node, images, tools)
        addons.wait_for_nodes(cluster, console)
        addons.apply(cluster, tools)
        addons.wait_for_addons(cluster, console)
    return cluster


def down(name: str, console: Console) -> None:
    """Ends the cluster and removes everything that it made, its volumes included. Fine if there is none."""
    layout.check_name(name)
    preflight.check_machine()
    with _locked(name):
        cluster, directory = layout.find(name), paths.CLUSTERS / name
        # Half of its files are no cluster, which up would take for one: an interrupted down goes on with this.
        gone = paths.CLUSTERS / f".{name}.gone"
        if not directory.exists() and not gone.exists():
            console.print(f"There is no cluster {name}.")
            return
        if cluster is not None:
            console.print(f"Stopping cluster {name}")
            processes.stop(cluster)
        console.print("Removing its files")
        if directory.exists():
            shutil.rmtree(gone, ignore_errors=True)
            (directory / "cluster.json").unlink(missing_ok=True)
            directory.rename(gone)
        shutil.rmtree(gone)
    console.print(f"Cluster {name} is gone.")


def add_images(cluster: Cluster, definitions: Path, console: Console) -> None:
    """Assembles the images of a definition file and loads them into the cluster's nodes."""
    tools = toolchain.ensure(console, *assembly.groups(definitions))
    images = assembly.archive(console, tools, definitions)
    for node in NODES:
        load_images(cluster, node, images, tools)


def load_images(cluster: Cluster, node: str, images: Path, tools: Path) -> None:
    """Gives a node's containerd the images of an archive, unless it has them."""
    mark = cluster.node_directory(node) / "images" / images.stem
    if mark.exists():
        return
    _import_images(cluster, node, images, tools)
    mark.parent.mkdir(exist_ok=True)
    mark.touch()


@retry(
    retry=retry_if_exception_type(LocalError), wait=wait_fixed(0.5), stop=stop_after_delay(60), reraise=True
)
def _import_images(cluster: Cluster, node: str, images: Path, tools: Path) -> None:
    enter = ["nsenter", f"--target={_init_pid(cluster)}", "--mount", "--pid"]
    namespace = processes.namespaces(cluster) / f"{node}.mnt"
    command = [
        *enter,
        "nsenter",
        f"--mount={namespace}",
        f"{tools}/ctr",
        "--namespace=k8s.io",
        "images",
        "import",
    ]
    run = subprocess.run([*command, str(images)], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise LocalError(
            f"Images could not be loaded into node {node}: {run.stderr.strip().splitlines()[-1:]}"
        )


def _init_pid(cluster: Cluster) -> int:
    """The supervisor, in whose mount namespace the nodes' namespaces are mounted."""
    unshare = processes.init(cluster)
    children = unshare.children() if unshare is not None else []
    if not children:
        raise LocalError(f"Cluster {cluster.name} does not run: make up NAME={cluster.name} starts it.")
    return children[0].pid


def _locked(name: str) -> AbstractContextManager[None]:
    """No two commands change one cluster at a time."""
    refusal = f"Another make up or make down works on cluster {name}: wait until it ends."
    return claimed(paths.CLUSTERS / f"{name}.lock", refusal)
