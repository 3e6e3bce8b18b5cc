"""Claims that are made from snapshots, seen by a recording engine."""

from collections.abc import Mapping
from typing import Any

import pytest

from components.tts.restorable import problems
from components.tts.restore import Restore, parse
from components.tts.seed import SeedArgs
from components.tts.storage import Storage, StorageArgs, Volume
from tests.support.recording import Recording, record
from tests.unit.test_tts_service import ARGS, pod, service

SNAPSHOT = "espeak-v1.0.0-20251220-0200"
DISK = Volume(size="1Gi", access_mode="ReadWriteOnce")


def restored(text: str = SNAPSHOT, **changes: Any) -> Recording:
    return service(restore=parse(text), **changes)


def source(claim: Mapping[str, Any]) -> Any:
    return claim["spec"]["dataSource"]


def claim_mounted(recording: Recording, volume: str = "outputs") -> str:
    (found,) = [item for item in pod(recording)["volumes"] if item["name"] == volume]
    return str(found["persistentVolumeClaim"]["claimName"])


class TestForm:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            (SNAPSHOT, Restore(snapshot=SNAPSHOT)),
            (f"{SNAPSHOT}@2", Restore(snapshot=SNAPSHOT, number=2)),
            (f"{SNAPSHOT}@17", Restore(snapshot=SNAPSHOT, number=17)),
        ],
    )
    def test_it_reads_as_it_is_written(self, text: str, expected: Restore) -> None:
        assert parse(text) == expected
        assert str(parse(text)) == text

    @pytest.mark.parametrize(
        "text", ["", "-x", "X", f"{SNAPSHOT}@1", f"{SNAPSHOT}@0", f"{SNAPSHOT}@", "a b", "x" * 55]
    )
    def test_nothing_else_does(self, text: str) -> None:
        with pytest.raises(ValueError, match="names no snapshot"):
            parse(text)


class TestRestore:
    def test_without_one_the_pods_mount_the_first_claim_and_it_begins_empty(self) -> None:
        found = service()
        assert claim_mounted(found) == "outputs"
        assert "dataSource" not in found.object("PersistentVolumeClaim", "outputs")["spec"]

    def test_the_pods_mount_a_claim_that_is_made_from_the_snapshot(self) -> None:
        found = restored()
        claim = f"outputs-{SNAPSHOT}"
        assert claim_mounted(found) == claim
        assert source(found.object("PersistentVolumeClaim", claim)) == {
            "apiGroup": "snapshot.storage.k8s.io",
            "kind": "VolumeSnapshot",
            "name": f"{SNAPSHOT}-outputs",
        }

    def test_the_first_claim_stays(self) -> None:
        assert restored().object("PersistentVolumeClaim", "outputs"), (
            "what was spoken until then is in it alone"
        )

    def test_a_further_restore_of_the_same_one_is_another_claim(self) -> None:
        found = restored(f"{SNAPSHOT}@2")
        claim = f"outputs-{SNAPSHOT}-2"
        assert claim_mounted(found) == claim
        assert source(found.object("PersistentVolumeClaim", claim))["name"] == f"{SNAPSHOT}-outputs"

    def test_weights_are_restored_with_the_outputs(self) -> None:
        args = StorageArgs(
            namespace="tts", outputs=DISK, weights=DISK, protect=False, restore=parse(SNAPSHOT)
        )
        found = record(lambda: _storage(args))
        assert (
            source(found.object("PersistentVolumeClaim", f"weights-{SNAPSHOT}"))["name"]
            == f"{SNAPSHOT}-weights"
        )


def _storage(args: StorageArgs) -> None:
    Storage("storage", args)


class TestAsked:
    READY: Mapping[str, Any] = {"readyToUse": True}
    OURS: Mapping[str, Any] = {"labels": {"tts-platform/stack": "dev"}}

    def test_one_that_is_ready_and_of_this_stack_is_fine(self) -> None:
        assert problems(SNAPSHOT, "dev", self.OURS, self.READY) == []

    def test_one_that_is_not_ready_is_refused_with_the_storages_reason(self) -> None:
        (problem,) = problems(SNAPSHOT, "dev", self.OURS, {"error": {"message": "no space"}})
        assert "not ready (no space)" in problem

    @pytest.mark.parametrize("metadata", [{}, {"labels": {"tts-platform/stack": "prod"}}])
    def test_another_stacks_is_refused(self, metadata: Mapping[str, Any]) -> None:
        (problem,) = problems(SNAPSHOT, "dev", metadata, self.READY)
        assert "write a snapshot of stack dev" in problem


class TestSeed:
    SEED = SeedArgs(
        content_name="tts-weights-seed",
        volume="weights",
        handle="snap-0123456789abcdef0",
        driver="ebs.csi.aws.com",
        snapshot_class="tts-snapshots",
    )

    def test_the_first_claim_begins_with_it(self) -> None:
        found = service(weights=DISK, seeds={"weights": self.SEED})
        assert source(found.object("PersistentVolumeClaim", "weights"))["name"] == "seed-weights"
        assert "dataSource" not in found.object("PersistentVolumeClaim", "outputs")["spec"], "nobody said so"

    def test_what_it_stands_for_is_the_other_environments(self) -> None:
        found = service(weights=DISK, seeds={"weights": self.SEED})
        content = found.object("VolumeSnapshotContent", "tts-weights-seed")["spec"]
        assert content["deletionPolicy"] == "Retain", (
            "an ephemeral stack's end would delete production's snapshot"
        )
        assert content["source"] == {"snapshotHandle": "snap-0123456789abcdef0"}
        assert content["volumeSnapshotRef"] == {"name": "seed-weights", "namespace": ARGS.namespace}
