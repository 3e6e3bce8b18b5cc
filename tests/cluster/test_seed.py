"""A volume that begins with a snapshot of another environment's, known here by its handle alone."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from kubernetes import client

from ops.snapshot_cluster import StackCluster
from ops.snapshot_take import take
from tests.cluster.conftest import speaks
from tests.cluster.deployed import LONG, WEIGHTED, Deployed
from tests.cluster.door import Door
from tests.cluster.running import NAMESPACE, Running, eventually
from tests.cluster.test_snapshots import one_pod

pytestmark = LONG

PATIENCE = 120
_GROUP = ("snapshot.storage.k8s.io", "v1")

FILL = """
import os, sys
with open("/outputs/model.bin", "wb") as file:
    file.write(sys.argv[1].encode() * 2**20)
    os.fsync(file.fileno())
"""

SEEN = """
with open("/weights/model.bin", "rb") as file:
    seen = file.read()
print(len(seen), seen[:5].decode())
"""

SUMS = """
import hashlib
for path in ("/outputs/model.bin", "/weights/model.bin"):
    with open(path, "rb") as file:
        print(hashlib.file_digest(file, "sha256").hexdigest(), path)
"""

SPOIL = """
import os
for path in ("/outputs/model.bin", "/weights/model.bin"):
    os.unlink(path)
"""


@pytest.fixture(scope="module")
def on_the_first_volumes(deployed: Deployed) -> Iterator[None]:
    """What was restored before has no weights to go with it."""
    deployed.workspace.settle({"restoreFrom": None})
    deployed.up()
    yield
    # But for the volume: the settings refuse to throw weights away.
    deployed.change(engine=None, customEngine=None, weightsFrom=None)


@pytest.fixture(scope="module")
def handles(running: Running, on_the_first_volumes: None) -> Iterator[tuple[str, str]]:  # noqa: ARG001 - as they are then
    """Of two snapshots of the outputs, which stand for another environment's weights."""
    with _taken(running, "elsewhere-1", "first") as first, _taken(running, "elsewhere-2", "other") as second:
        yield first, second


@contextmanager
def _taken(running: Running, name: str, content: str) -> Iterator[str]:
    """A snapshot that no label makes one of the program's own, and its handle."""
    pod = running.speech_pod()
    running.python(pod, "speech", FILL, content)
    objects = client.CustomObjectsApi(running.api)
    body = {
        "apiVersion": "/".join(_GROUP),
        "kind": "VolumeSnapshot",
        "metadata": {"name": name},
        "spec": {
            "volumeSnapshotClassName": f"{NAMESPACE}-snapshots",
            "source": {"persistentVolumeClaimName": _claim_of(pod, "outputs")},
        },
    }

    def bound() -> Any:
        status = objects.get_namespaced_custom_object(*_GROUP, NAMESPACE, "volumesnapshots", name).get(
            "status", {}
        )
        return status.get("readyToUse") and status["boundVolumeSnapshotContentName"]

    objects.create_namespaced_custom_object(*_GROUP, NAMESPACE, "volumesnapshots", body)
    try:
        there = eventually(bound, PATIENCE, f"{name} is ready")
        yield objects.get_cluster_custom_object(*_GROUP, "volumesnapshotcontents", there)["status"][
            "snapshotHandle"
        ]
    finally:
        objects.delete_namespaced_custom_object(*_GROUP, NAMESPACE, "volumesnapshots", name)


def _claim_of(pod: Any, volume: str) -> str:
    (found,) = [item for item in pod.spec.volumes if item.name == volume]
    claim: str = found.persistent_volume_claim.claim_name
    return claim


def _weights(running: Running) -> Any:
    return running.core.read_namespaced_persistent_volume_claim("weights", NAMESPACE)


def _seeds(running: Running) -> set[str]:
    """What the volumes are said to begin with: names of the snapshots, and the handles behind them."""
    objects = client.CustomObjectsApi(running.api)
    snapshots = objects.list_namespaced_custom_object(*_GROUP, NAMESPACE, "volumesnapshots")["items"]
    contents = objects.list_cluster_custom_object(*_GROUP, "volumesnapshotcontents")["items"]
    return {
        item["metadata"]["name"] for item in snapshots if item["metadata"]["name"].startswith("seed-")
    } | {
        item["spec"]["source"]["snapshotHandle"]
        for item in contents
        if item["spec"]["volumeSnapshotRef"]["name"].startswith("seed-")
    }


def test_the_weights_are_there_when_the_pod_starts(
    running: Running, deployed: Deployed, any_door: Door, handles: tuple[str, str]
) -> None:
    outputs = running.core.read_namespaced_persistent_volume_claim(
        _claim_of(running.speech_pod(), "outputs"), NAMESPACE
    )
    size = outputs.status.capacity["storage"]
    deployed.change(**WEIGHTED, weightsSize=size, weightsFrom=handles[0])
    one_pod(running)
    assert running.python(running.speech_pod(), "speech", SEEN) == f"{5 * 2**20} first", (
        "gigabytes would be downloaded"
    )
    assert speaks(any_door)
    deployed.up("--expect-no-changes")


def test_another_handle_changes_nothing_about_a_volume_that_is_there(
    running: Running, deployed: Deployed, handles: tuple[str, str]
) -> None:
    before, pod = _weights(running).metadata.uid, running.speech_pod().metadata.uid
    deployed.change(weightsFrom=handles[1])
    assert handles[1] in _seeds(running)
    assert handles[0] not in _seeds(running), "what nobody names any more goes"
    assert _weights(running).metadata.uid == before, (
        "the volume would begin anew, and lose what was added since"
    )
    assert running.speech_pod().metadata.uid == pod, "nothing changed that a pod could see"
    assert running.python(running.speech_pod(), "speech", SEEN).endswith("first")
    deployed.up("--expect-no-changes")


def test_a_handle_that_nobody_knows_is_told_within_minutes(
    running: Running, deployed: Deployed, any_door: Door
) -> None:
    before, pod = _weights(running).metadata.uid, running.speech_pod().metadata.uid
    deployed.settings["weightsFrom"] = "no-such-snapshot"
    started = time.monotonic()
    run = deployed.pulumi("up", "--yes", "--skip-preview")
    assert run.returncode != 0, "a claim of nothing would wait for ever"
    assert time.monotonic() - started < 480, "Pulumi's own patience is ten minutes"
    assert "weightsFrom" in run.stdout + run.stderr, "nobody could tell what to mend"
    assert _weights(running).metadata.uid == before
    assert running.speech_pod().metadata.uid == pod
    assert speaks(any_door)


def test_without_the_key_the_volume_stays_and_nothing_of_the_others_is_left(
    running: Running, deployed: Deployed, handles: tuple[str, str]
) -> None:
    before = _weights(running).metadata.uid
    deployed.change(weightsFrom=None)
    assert not _seeds(running)
    assert _weights(running).metadata.uid == before
    assert running.python(running.speech_pod(), "speech", SEEN).endswith("first")
    objects = client.CustomObjectsApi(running.api)
    contents = objects.list_cluster_custom_object(*_GROUP, "volumesnapshotcontents")["items"]
    theirs = {item.get("status", {}).get("snapshotHandle") for item in contents}
    assert set(handles) <= theirs, "the other environment's snapshots are its own"


def test_both_volumes_are_taken_and_come_back_together(
    running: Running, deployed: Deployed, any_door: Door
) -> None:
    pod = running.speech_pod()
    before = running.python(pod, "speech", SUMS)
    cluster = StackCluster(stack="local", namespace=NAMESPACE, deployment="speech", api=running.api)
    taken = take(cluster, "a test", "the tests", lambda _: None)
    running.python(pod, "speech", SPOIL)
    deployed.change(restoreFrom=taken)
    one_pod(running)
    pod = running.speech_pod()
    assert {_claim_of(pod, volume) for volume in ("outputs", "weights")} == {
        f"outputs-{taken}",
        f"weights-{taken}",
    }
    assert running.python(pod, "speech", SUMS) == before
    assert speaks(any_door)
    deployed.change(restoreFrom=None)
    one_pod(running)
