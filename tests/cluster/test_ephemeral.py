"""Ephemeral stacks on the local stack's platform: many at once, apart from one another, and gone without a trace."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException

from ops import speech
from tests.cluster.deployed import Deployed
from tests.cluster.inventory import inventory
from tests.cluster.running import SPEECH, Measured, Running, eventually, is_ready
from tests.cluster.strangers import NO_ANSWER, OPEN, Stranger, stranger
from tests.support.project import ROOT

TEN = [f"trial-{number}" for number in range(10)]
PATIENCE = 900
SMALL = {"requests": {"memory": "32Mi"}, "limits": {"memory": "64Mi"}}
MAY_LEAVE = {
    "metadata": {"name": "stranger-may-leave"},
    "spec": {
        "podSelector": {"matchLabels": {"tts-platform/stranger": "true"}},
        "policyTypes": ["Egress"],
        "egress": [{}],
    },
}
ALLOW_ALL = {
    "metadata": {"name": "allow-all"},
    "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]},
}


@dataclass(frozen=True)
class Ephemeral:
    """`python -m ops ephemeral`, for the local stack of the test cluster."""

    state_home: Path
    cluster: str

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return self.ops("ephemeral", *arguments, "--platform", "local", "--cluster", self.cluster)

    def ops(self, *arguments: str) -> subprocess.Popen[str]:
        """Begins any command."""
        return subprocess.Popen(
            [sys.executable, "-m", "ops", *arguments],
            cwd=ROOT,
            env={**os.environ, "XDG_STATE_HOME": str(self.state_home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def end(self, name: str) -> None:
        """Takes one down."""
        process = self.start("down", name)
        _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, err

    def run(self, *arguments: str) -> Any:
        """Runs one to its end, and returns its JSON."""
        return answer(self.start(*arguments, "--json"))

    @property
    def state(self) -> list[str]:
        """What is left of any stack's state."""
        directory = self.state_home / f"tts-platform/stacks/embedded/{self.cluster}/ephemeral/state/.pulumi"
        kept = ("stacks", "locks")
        return [str(file) for part in kept for file in (directory / part).rglob("ephemeral-*.json")]


def answer(process: subprocess.Popen[str]) -> Any:
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err[-3000:]
    return json.loads(out)


@pytest.fixture(scope="module")
def ephemeral(deployed: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Ephemeral:
    home = tmp_path_factory.mktemp("state")
    stacks = home / "tts-platform/stacks/embedded"
    stacks.mkdir(parents=True)
    (stacks / deployed.cluster.name).symlink_to(deployed.workspace.directory)
    return Ephemeral(home, deployed.cluster.name)


@pytest.fixture(scope="module")
def snapshot(running: Running, ephemeral: Ephemeral) -> None:
    """The platform has one, of outputs with something in them."""
    running.python(running.speech_pod(), "speech", "open('/outputs/kept', 'w').write('of the platform')")
    taken = ephemeral.ops("snapshots", "take", "local", "--name", ephemeral.cluster, "--why", "for a trial")
    _, err = taken.communicate(timeout=PATIENCE)
    assert taken.returncode == 0, err


@pytest.fixture(scope="module")
def without(running: Running, ephemeral: Ephemeral, snapshot: None) -> set[str]:  # noqa: ARG001 - is there before and after
    """The cluster with the platform alone."""
    assert ephemeral.run("list") == [], "an earlier run has left some"
    return inventory(running)


@pytest.fixture(scope="module")
def ten(ephemeral: Ephemeral, without: set[str], measured: Measured) -> dict[str, Any]:  # noqa: ARG001 - is seen before
    """Ten, begun at once; each may be reaped after a minute."""
    started = time.monotonic()
    processes = {name: ephemeral.start("up", name, "--ttl", "1m", "--json") for name in TEN}
    results = {name: answer(process) for name, process in processes.items()}
    measured.record("ephemeral up, ten at once", time.monotonic() - started)
    return results


@contextmanager
def visiting(running: Running, namespace: str) -> Iterator[Stranger]:
    """A pod that is none of the service's in the namespace of a stack; it may leave it."""
    running.networking.create_namespaced_network_policy(namespace, MAY_LEAVE)
    running.core.create_namespaced_pod(namespace, stranger("visitor", "gpu", resources=SMALL))

    def ready() -> Any:
        pod = running.core.read_namespaced_pod("visitor", namespace)
        return pod if is_ready(pod) else None

    try:
        yield Stranger(running, eventually(ready, 90, "the visitor runs"))
    finally:
        running.core.delete_namespaced_pod("visitor", namespace, grace_period_seconds=0)
        running.networking.delete_namespaced_network_policy("stranger-may-leave", namespace)


def test_one_alone_is_ready_soon(ephemeral: Ephemeral, without: set[str], measured: Measured) -> None:  # noqa: ARG001 - is seen before
    started = time.monotonic()
    made = ephemeral.run("up", "alone", "--ttl", "2d")
    measured.record("ephemeral up, alone", time.monotonic() - started)
    started = time.monotonic()
    again = ephemeral.run("up", "alone")
    measured.record("ephemeral up, again", time.monotonic() - started)
    assert again["url"] == made["url"]
    assert again["expires"] == made["expires"], "an update that says nothing of it would cut its life short"
    longer = ephemeral.run("extend", "alone", "--ttl", "3d")
    assert longer["expires"] > made["expires"]


def test_one_begins_with_what_the_platform_has(
    running: Running, ephemeral: Ephemeral, without: set[str]
) -> None:
    made = ephemeral.run("up", "copy", "--from-snapshot", "--with-outputs")
    (pod,) = running.ready_pods(made["namespace"], SPEECH)
    assert running.python(pod, "speech", "print(open('/outputs/kept').read())") == "of the platform"
    ephemeral.end("copy")
    left = {item for item in inventory(running) - without if "tts-copy" in item}
    assert not left, "what stands for the snapshot outside of the namespace"
    kept = [item for item in inventory(running) if " volumesnapshots tts/" in item]
    assert kept, "the platform's own snapshot went with the trial"


def test_what_a_killed_one_has_made_goes(running: Running, ephemeral: Ephemeral) -> None:
    process = ephemeral.start("up", "killed")

    def begun() -> bool:
        return "tts-killed" in {item.metadata.name for item in running.core.list_namespace().items}

    eventually(begun, 120, "it has begun")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    ephemeral.end("killed")
    assert not begun(), "its pods would hold a GPU, and no list would name them"


def test_each_speaks_at_its_own_name(deployed: Deployed, ten: dict[str, Any]) -> None:
    for name, made in ten.items():
        assert made["url"].startswith(f"https://{name}.tts.localhost:")
        assert speech.speak(made["url"], deployed.authority).seconds > 1, f"{name} says nothing"


def test_they_are_apart(running: Running, ten: dict[str, Any]) -> None:
    first, other = (ten[name]["namespace"] for name in TEN[:2])
    (pod,) = eventually(lambda: running.ready_pods(other, SPEECH), 60, "there is a pod to try")
    service = running.core.read_namespaced_service("speech", other).spec.cluster_ip
    targets = [f"{pod.status.pod_ip}:8091", f"{service}:80"]
    with visiting(running, first) as visitor:
        met = visitor.connect(*targets)
        assert set(met.values()) == {NO_ANSWER}, f"one trial's pod reaches another's service: {met}"
        running.networking.create_namespaced_network_policy(other, ALLOW_ALL)
        try:
            eventually(
                lambda: set(visitor.connect(*targets).values()) == {OPEN}, 60, "it is the policy that refuses"
            )
        finally:
            running.networking.delete_namespaced_network_policy("allow-all", other)


def test_none_takes_more_than_its_share(running: Running, ten: dict[str, Any]) -> None:
    greedy = stranger("greedy", "gpu", resources={"limits": {"memory": "64Mi", "nvidia.com/gpu": "1"}})
    with pytest.raises(ApiException, match="exceeded quota"):
        running.core.create_namespaced_pod(ten[TEN[0]]["namespace"], greedy)


def test_what_has_expired_goes_and_nothing_else(
    running: Running,
    ephemeral: Ephemeral,
    ten: dict[str, Any],
    without: set[str],
    measured: Measured,
) -> None:
    time.sleep(max(0, 61 - (time.time() - _youngest(ten))))
    started = time.monotonic()
    outcomes = {item["name"]: item["outcome"] for item in ephemeral.run("reap")}
    measured.record("ephemeral reap, ten", time.monotonic() - started)
    assert outcomes == {**dict.fromkeys(TEN, "reaped"), "alone": "lives"}
    assert [item["name"] for item in ephemeral.run("list")] == ["alone"], "somebody still works on it"
    ephemeral.end("alone")
    assert not ephemeral.state, "the state of stacks that are gone"

    def left() -> bool:
        return inventory(running) <= without

    eventually(left, 120, "the cluster is as it was before")
    assert not without - inventory(running), "something of the platform's was taken along"


def _youngest(ten: dict[str, Any]) -> float:
    """When the last of them was begun."""
    from datetime import datetime

    ends = [datetime.fromisoformat(made["expires"]).timestamp() for made in ten.values()]
    return max(ends) - 60
