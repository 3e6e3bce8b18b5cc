"""The embedded cluster comes back from whatever ends it, and leaves the machine as it found it."""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from kubernetes import client

from local import paths
from local.cluster import addons, layout, processes
from local.cluster.layout import Cluster

NAME = "spare"
SETTINGS = (
    r"^(net\.ipv4\.(ip_forward|conf\.all\.)|net\.bridge|kernel\.(panic|keys\.root)|vm\.(overcommit|panic))"
)
SUPERVISED = ("etcd", "kube-apiserver", "containerd", "kubelet", "kube-proxy", "socat")

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 and not os.environ.get("CI"),
    reason="the embedded cluster needs root: run sudo make test",
)


def local(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "local", *arguments, "--name", NAME]
    return subprocess.Popen(
        command, cwd=paths.CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def bring_up() -> Cluster:
    run = local("up", "--port", "0")
    said, _ = run.communicate(timeout=300)
    assert run.returncode == 0, said
    cluster = layout.find(NAME)
    assert cluster is not None
    return cluster


def take_down() -> None:
    run = local("down")
    said, _ = run.communicate(timeout=120)
    assert run.returncode == 0, said


def command_lines() -> set[str]:
    """Of every process on the machine; one that has ended has none any more."""
    found = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            found.add(" ".join(process.cmdline()))
    return found


def looped_files() -> set[str]:
    """The files that are loop devices; one that goes meanwhile is none."""
    found = set()
    for file in Path("/sys/block").glob("loop*/loop/backing_file"):
        with contextlib.suppress(OSError):
            found.add(file.read_text())
    return found


def machine() -> dict[str, set[str]]:
    """What the machine has of this cluster, or could have: everything outside the cluster's own namespaces."""
    commands = {
        "links": ["ip", "-oneline", "-brief", "link"],
        "routes": ["ip", "route", "show", "table", "all"],
        "firewall": ["nft", "list", "ruleset"],
        "mounts": ["cat", "/proc/self/mountinfo"],
        "settings": ["sysctl", "--all", "--pattern", SETTINGS],
    }
    found = {
        what: set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines())
        for what, command in commands.items()
    }
    found["cgroups"] = {str(path) for path in processes.CGROUPS.rglob(f"tts-platform-{NAME}*")}
    mark = str(paths.CLUSTERS / NAME)
    found["processes"] = {line for line in command_lines() if mark in line}
    found["loop devices"] = {file for file in looped_files() if f"{mark}/" in file}
    found["files"] = {str(path) for path in paths.CLUSTERS.glob(f"{NAME}/*")}
    others = (
        "/var/lib/kubelet",
        "/run/containerd",
        "/run/nri",
        "/run/netns",
        "/run/xtables.lock",
        "/opt/cni",
        "/etc/cni",
    )
    found["files"] |= {path for path in others if Path(path).exists()}
    return found


@pytest.fixture(scope="module", autouse=True)
def untouched() -> Iterator[dict[str, set[str]]]:
    """The machine before the cluster; at the end it must be as it was."""
    take_down()
    before = machine()
    yield before
    take_down()
    after = machine()
    # The namespaces of a killed process go a moment after it.
    deadline = time.monotonic() + 10
    while after != before and time.monotonic() < deadline:
        time.sleep(0.5)
        after = machine()
    assert after == before, "make down leaves something behind, or the host's network is not as it was"


def members(cluster: Cluster) -> dict[psutil.Process, str]:
    """The supervisor's own children with their programs' names; one that ends meanwhile is none."""
    init = processes.init(cluster)
    assert init is not None, "the cluster does not run"
    found = {}
    for process in init.children()[0].children():
        with contextlib.suppress(psutil.NoSuchProcess):
            found[process] = process.name()
    return found


def test_up_killed_at_any_point_goes_on(untouched: dict[str, set[str]]) -> None:
    del untouched
    for seconds in (0.3, 1.0, 2.0, 4.0, 8.0):
        run = local("up", "--port", "0")
        time.sleep(seconds)
        run.kill()
        run.communicate()
    cluster = bring_up()
    nodes = client.CoreV1Api(addons.api(cluster)).list_node().items
    assert {node.metadata.name for node in nodes} == {"edge", "gpu"}


def test_up_interrupted_says_how_to_go_on() -> None:
    take_down()
    run = local("up", "--port", "0")
    time.sleep(3)
    run.send_signal(signal.SIGINT)
    said, _ = run.communicate(timeout=60)
    assert run.returncode == 130, said
    assert "Traceback" not in said
    assert "make up goes on from here" in said
    bring_up()


def test_a_second_up_leaves_a_running_cluster_alone() -> None:
    before = {process for process, name in members(bring_up()).items() if name in SUPERVISED}
    after = members(bring_up()).keys()
    assert before, "none of the processes has the name that it should have"
    assert before <= after, "make up restarts a cluster that is well"


@pytest.mark.parametrize("program", SUPERVISED)
def test_a_killed_process_comes_back_by_itself(program: str) -> None:
    cluster = bring_up()
    victim = next(process for process, name in members(cluster).items() if name == program)
    victim.kill()
    deadline = time.monotonic() + 60
    while True:
        running = [
            process for process, name in members(cluster).items() if name == program and process != victim
        ]
        states = {row["name"]: row["statename"] for row in processes.supervisor(cluster).getAllProcessInfo()}
        if running and set(states.values()) == {"RUNNING"}:
            break
        assert time.monotonic() < deadline, f"{program} does not come back: {states}"
        time.sleep(0.5)


def test_up_mends_a_cluster_whose_supervisor_was_killed() -> None:
    cluster = bring_up()
    init = processes.init(cluster)
    assert init is not None
    init.children()[0].kill()
    psutil.wait_procs([init], timeout=30)
    assert processes.init(cluster) is None
    assert not [line for line in command_lines() if str(cluster.directory) in line], (
        "processes outlive their supervisor"
    )
    cluster = bring_up()
    assert members(cluster)


def test_a_second_command_at_the_same_time_is_refused() -> None:
    with (paths.CLUSTERS / f"{NAME}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = local("up")
        said, _ = run.communicate(timeout=60)
    assert run.returncode == 1
    assert "Another make up or make down works on cluster" in said
    assert "Traceback" not in said
