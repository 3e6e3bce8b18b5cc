"""A release begins with a snapshot, and without one it does not begin."""

from typing import Any

from kubernetes import client

from components.tts.snapshot_job import names
from tests.cluster.conftest import speaks
from tests.cluster.running import NAMESPACE, eventually
from tests.cluster.test_snapshots import no_snapshots
from tests.gitops.delivered import PATIENCE, Delivered


def test_a_release_begins_with_a_snapshot(delivered: Delivered) -> None:
    before = set(taken(delivered))
    (old,) = delivered.images()
    commit = delivered.release_the_other()
    assert delivered.webhook().status_code == 200
    delivered.until_healthy_at(commit)
    new = taken(delivered).keys() - before
    (name,) = new
    (image,) = delivered.images()
    assert name.startswith(f"pre-upgrade-{names.version(image)}")
    assert taken(delivered)[name].image == old, "what ran, and not what is to run"


def test_without_one_it_does_not_begin(delivered: Delivered) -> None:
    before = delivered.images()
    with no_snapshots(delivered.running):
        commit = delivered.release_the_other()
        assert delivered.webhook().status_code == 200
        eventually(lambda: "pre-upgrade" in said(delivered), PATIENCE, "the Application says what failed")
        assert delivered.images() == before
        assert speaks(delivered.door)
    # What was in the way is gone, and Argo CD has tries left.
    delivered.until_healthy_at(commit, PATIENCE * 2)
    assert delivered.images() != before


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
