"""The first claims of a new environment, made from what another one took, seen by a recording engine."""

from dataclasses import replace
from typing import Any

import pulumi
import pytest

from components.tts.seed import Seed, SeedArgs
from components.tts.storage import Volume
from tests.support.recording import Recording, record
from tests.unit.test_tts_service import ARGS, service

DISK = Volume(size="1Gi", access_mode="ReadWriteOnce")
SEED = SeedArgs(
    content_name="tts-weights-seed",
    volume="weights",
    handle="snap-0123456789abcdef0",
    driver="ebs.csi.aws.com",
    snapshot_class="tts-snapshots",
)


def seeded(**changes: Any) -> Recording:
    return service(weights=DISK, seeds={"weights": replace(SEED, **changes)})


def only(recording: Recording, kind: str) -> Any:
    (found,) = recording.objects(kind)
    return found


def test_the_first_claim_begins_with_it() -> None:
    found = seeded()
    source = found.object("PersistentVolumeClaim", "weights")["spec"]["dataSource"]
    assert source == {
        "apiGroup": "snapshot.storage.k8s.io",
        "kind": "VolumeSnapshot",
        "name": only(found, "VolumeSnapshot")["metadata"]["name"],
    }
    assert "dataSource" not in found.object("PersistentVolumeClaim", "outputs")["spec"], "nobody said so"


def test_what_it_stands_for_is_the_other_environments() -> None:
    content = only(seeded(), "VolumeSnapshotContent")["spec"]
    assert content["deletionPolicy"] == "Retain", (
        "an ephemeral stack's end would delete production's snapshot"
    )
    assert content["source"] == {"snapshotHandle": "snap-0123456789abcdef0"}


def test_the_two_objects_name_each_other() -> None:
    found = seeded()
    content, snapshot = only(found, "VolumeSnapshotContent"), only(found, "VolumeSnapshot")
    assert snapshot["spec"]["source"] == {"volumeSnapshotContentName": content["metadata"]["name"]}
    assert content["spec"]["volumeSnapshotRef"] == {
        "name": snapshot["metadata"]["name"],
        "namespace": ARGS.namespace,
    }, "the cluster binds nothing that only one side speaks of"
    assert snapshot["metadata"]["namespace"] == ARGS.namespace


@pytest.mark.parametrize("kind", ["VolumeSnapshotContent", "VolumeSnapshot"])
def test_another_handle_is_another_object(kind: str) -> None:
    names = {
        only(seeded(handle=handle), kind)["metadata"]["name"]
        for handle in ("snap-0123456789abcdef0", "snap-1")
    }
    assert len(names) == 2, (
        "the API server refuses another source for one that is there, in every update from then on"
    )
    assert only(seeded(), kind)["metadata"]["name"] in names, "and the same handle is the same one"


def test_a_claim_waits_for_no_snapshot_that_is_not_there() -> None:
    annotations = only(seeded(), "VolumeSnapshot")["metadata"]["annotations"]
    assert annotations["pulumi.com/waitFor"] == "jsonpath={.status.readyToUse}=true", (
        "the claim would be made, and wait for ever"
    )


def test_nobody_waits_for_it_for_longer_than_minutes() -> None:
    create: dict[str, Any] = {}

    def noted(args: pulumi.ResourceTransformationArgs) -> None:
        if args.opts.custom_timeouts is not None:
            create[args.name] = args.opts.custom_timeouts.create

    def program() -> None:
        Seed("seed", "tts", SEED, pulumi.ResourceOptions(transformations=[noted]))

    record(program)
    assert create == {"seed-weightsFrom": "2m"}, "Pulumi's own patience is ten minutes"
