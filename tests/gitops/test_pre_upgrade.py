"""A release begins with a snapshot, and without one it does not begin.

A restore by a commit ends well, or changes nothing.
"""

from datetime import datetime
from typing import Any

from kubernetes import client

from components.tts.restore import Restore
from components.tts.snapshot_job import names
from ops import stack_file
from tests.cluster.conftest import speaks
from tests.cluster.deployed import LONG
from tests.cluster.running import NAMESPACE, SPEECH, eventually
from tests.cluster.test_snapshots import no_snapshots
from tests.gitops.delivered import PATIENCE, STACK, Delivered

WRITE = """
import os, sys
with open("/outputs/note", "w") as file:
    file.write(sys.argv[1])
    os.fsync(file.fileno())
"""

READ = 'print(open("/outputs/note").read())'


def test_a_release_begins_with_a_snapshot(delivered: Delivered) -> None:
    before = set(taken(delivered))
    (old,) = delivered.images()
    delivered.until_healthy_at(released(delivered))
    new = taken(delivered).keys() - before
    (name,) = new
    (image,) = delivered.images()
    assert name.startswith(f"pre-upgrade-{names.version(image)}")
    assert taken(delivered)[name].image == old, "what ran, and not what is to run"
    job = client.BatchV1Api(delivered.running.api).read_namespaced_job("pre-upgrade", NAMESPACE)
    assert job.status.completion_time <= min(born(delivered)), (
        "the new version was there before the snapshot was ready"
    )


def test_without_one_it_does_not_begin(delivered: Delivered) -> None:
    before = delivered.images()
    with no_snapshots(delivered.running):
        commit = released(delivered)
        eventually(lambda: "pre-upgrade" in said(delivered), PATIENCE, "the Application says what failed")
        assert delivered.images() == before
        assert speaks(delivered.door)
    # What was in the way is gone, and Argo CD has tries left.
    delivered.until_healthy_at(commit, PATIENCE * 2)
    assert delivered.images() != before


@LONG
def test_a_restore_by_a_commit(delivered: Delivered) -> None:
    running = delivered.running
    running.python(running.speech_pod(), "speech", WRITE, "as it was")
    before = set(taken(delivered))
    delivered.until_healthy_at(released(delivered))
    (snapshot,) = taken(delivered).keys() - before
    eventually(lambda: len(running.all_pods(NAMESPACE, SPEECH)) == 1, PATIENCE, "the old pod has ended")
    running.python(running.speech_pod(), "speech", WRITE, "spoiled")
    commit = restores(delivered, snapshot)
    delivered.until_healthy_at(commit)
    eventually(lambda: mounted(delivered) == {f"outputs-{snapshot}"}, PATIENCE, "the old pod has ended")
    assert running.python(running.speech_pod(), "speech", READ) == "as it was"
    assert speaks(delivered.door)


def released(delivered: Delivered) -> str:
    commit = delivered.release_the_other()
    assert delivered.webhook().status_code == 200
    return commit


@LONG
def test_one_that_cannot_be_restored_changes_nothing(delivered: Delivered) -> None:
    before, pods = mounted(delivered), born(delivered)
    restores(delivered, "nowhere")
    eventually(lambda: "pre-upgrade" in said(delivered), PATIENCE, "the Application says what failed")
    events = delivered.running.core.list_namespaced_event(NAMESPACE).items
    (told, *_) = [event.message for event in events if event.reason == "NotRestorable"]
    assert "restoreFrom: nowhere has no outputs to restore" in told
    assert (mounted(delivered), born(delivered)) == (before, pods), "the old pod is what serves"
    claims = delivered.running.core.list_namespaced_persistent_volume_claim(NAMESPACE).items
    assert Restore(snapshot="nowhere").claim("outputs") not in {item.metadata.name for item in claims}, (
        "a claim that cannot be made waits for ever"
    )
    assert speaks(delivered.door)
    # The commit that takes it back comes after the tries that the other one has left.
    commit = restores(delivered, None)
    delivered.until_healthy_at(commit, PATIENCE * 3)
    eventually(lambda: mounted(delivered) == {"outputs"}, PATIENCE, "the first volume serves again")


def restores(delivered: Delivered, snapshot: str | None) -> str:
    """The commit of a person who writes the key, or takes it out."""
    file = stack_file.path(delivered.clone, STACK)
    file.write_text(stack_file.with_settings(file.read_text(), STACK, {"restoreFrom": snapshot}))
    commit = delivered.render(f"restoreFrom: {snapshot}")
    assert delivered.webhook().status_code == 200
    return commit


def mounted(delivered: Delivered) -> set[str]:
    """The claims that the ready pods speak into."""
    pods = delivered.running.ready_pods(NAMESPACE, SPEECH)
    volumes = [volume for pod in pods for volume in pod.spec.volumes if volume.name == "outputs"]
    return {volume.persistent_volume_claim.claim_name for volume in volumes}


def born(delivered: Delivered) -> set[datetime]:
    pods = delivered.running.ready_pods(NAMESPACE, SPEECH)
    return {pod.metadata.creation_timestamp for pod in pods}


def taken(delivered: Delivered) -> dict[str, names.SnapshotSet]:
    objects = client.CustomObjectsApi(delivered.running.api)
    found = objects.list_namespaced_custom_object(
        "snapshot.storage.k8s.io", "v1", NAMESPACE, "volumesnapshots"
    )
    return {one.name: one for one in names.sets(found["items"]) if one.reason == names.Reason.PRE_UPGRADE}


def said(delivered: Delivered) -> str:
    """What the Application says of the tasks that failed."""
    results: list[dict[str, Any]] = (
        delivered.status().get("operationState", {}).get("syncResult", {}).get("resources", [])
    )
    return " ".join(
        f"{item['kind']} {item['name']}: {item.get('message', '')}"
        for item in results
        if item.get("hookPhase") in ("Failed", "Error")
    )
