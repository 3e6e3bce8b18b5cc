"""Claims that are made from snapshots, seen by a recording engine."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from components.cluster import ClusterArgs
from components.tts.restorable import Asked, restorable
from components.tts.restore import Restore, parse
from components.tts.storage import Storage, StorageArgs, Volume
from tests.support.cluster_api import ClusterApi, serving
from tests.support.recording import Recording, record
from tests.unit.test_tts_service import pod, service

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
        claim = f"outputs-{SNAPSHOT}--2"
        assert claim_mounted(found) == claim
        assert source(found.object("PersistentVolumeClaim", claim))["name"] == f"{SNAPSHOT}-outputs"

    def test_it_is_not_the_claim_of_a_snapshot_that_is_called_so(self) -> None:
        assert parse("x@2").claim("outputs") != parse("x-2").claim("outputs"), (
            "one restore would get the other's data"
        )
        with pytest.raises(ValueError, match="names no snapshot"):
            parse("x--2")

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
    """The cluster says, before anything is made, whether the claims can be."""

    @pytest.fixture
    def cluster(self, tmp_path: Path) -> Iterator[ClusterApi]:
        rules = [
            {"api_groups": [""], "resources": ["persistentvolumeclaims"], "verbs": ["get"]},
            {"api_groups": ["snapshot.storage.k8s.io"], "resources": ["volumesnapshots"], "verbs": ["get"]},
        ]
        with serving(tmp_path / "account", "tts", rules) as api:
            yield api

    def claim_made(self, cluster: ClusterApi, text: str = SNAPSHOT) -> Any:
        """Of the outputs, in a program that restores."""
        args = StorageArgs(
            namespace="tts",
            outputs=DISK,
            protect=False,
            restore=parse(text),
            asked=Asked(cluster=_connection(cluster), stack="dev"),
        )
        found = record(lambda: _storage(args))
        return found.object("PersistentVolumeClaim", parse(text).claim("outputs"))

    def refused(self, cluster: ClusterApi, text: str = SNAPSHOT) -> str:
        # No resource of it: one that is never registered would be waited for for ever.
        asked = Asked(cluster=_connection(cluster), stack="dev")

        def program() -> None:
            restorable(asked, "tts", parse(text), "outputs", DISK.size)

        with pytest.raises(pulumi.RunError) as error:
            record(program)
        return str(error.value)

    def snapshot(self, cluster: ClusterApi, stack: str = "dev", **status: Any) -> None:
        metadata = {"name": f"{SNAPSHOT}-outputs", "labels": {"tts-platform/stack": stack}}
        cluster.add("volumesnapshots", {"metadata": metadata, "status": status})

    def test_one_that_is_ready_and_of_this_stack_is_fine(self, cluster: ClusterApi) -> None:
        self.snapshot(cluster, readyToUse=True)
        assert source(self.claim_made(cluster))["name"] == f"{SNAPSHOT}-outputs"

    def test_one_that_is_not_ready_is_refused_with_the_storages_reason(self, cluster: ClusterApi) -> None:
        self.snapshot(cluster, error={"message": "no space"})
        assert "not ready (no space)" in self.refused(cluster)

    @pytest.mark.parametrize("stack", ["", "prod"])
    def test_another_stacks_is_refused(self, cluster: ClusterApi, stack: str) -> None:
        self.snapshot(cluster, stack, readyToUse=True)
        assert "write a snapshot of stack dev" in self.refused(cluster)

    def test_one_that_is_gone_is_refused(self, cluster: ClusterApi) -> None:
        assert f"restoreFrom: {SNAPSHOT}@2 has no outputs to restore" in self.refused(
            cluster, f"{SNAPSHOT}@2"
        )

    def test_unless_it_has_been_restored(self, cluster: ClusterApi) -> None:
        self.there(cluster, "Bound")
        assert self.claim_made(cluster), "what was restored would be out of reach with its snapshot gone"

    def test_a_claim_that_still_waits_for_its_volume_needs_the_snapshot(self, cluster: ClusterApi) -> None:
        self.there(cluster, "Pending")
        assert "has no outputs to restore" in self.refused(cluster), "the pods would wait for ever"
        self.snapshot(cluster, readyToUse=True)
        assert self.claim_made(cluster)

    def test_a_claim_that_goes_is_not_mounted_again(self, cluster: ClusterApi) -> None:
        self.there(cluster, "Bound", deletionTimestamp="2025-12-20T01:59:30Z")
        self.snapshot(cluster, readyToUse=True)
        assert f"outputs-{SNAPSHOT} is being deleted" in self.refused(cluster)

    def test_one_that_is_too_big_is_refused(self, cluster: ClusterApi) -> None:
        self.snapshot(cluster, readyToUse=True, restoreSize="5Ti")
        assert f"needs 5Ti for outputs, and outputsSize is {DISK.size}: set it to 5Ti" in self.refused(
            cluster
        )

    def there(self, cluster: ClusterApi, phase: str, **metadata: Any) -> None:
        """The claim of an earlier try."""
        cluster.add(
            "persistentvolumeclaims",
            {"metadata": {"name": f"outputs-{SNAPSHOT}", **metadata}, "status": {"phase": phase}},
        )

    def test_a_cluster_that_does_not_say_is_told_of(self, cluster: ClusterApi) -> None:
        cluster.broken = lambda _method, _path: 403
        assert f"restoreFrom: {SNAPSHOT}: the cluster does not say" in self.refused(cluster)


def _connection(cluster: ClusterApi) -> ClusterArgs:
    server = {"server": cluster.url, "certificate-authority": str(cluster.directory / "ca.crt")}
    text = {
        "clusters": [{"name": "it", "cluster": server}],
        "users": [{"name": "me", "user": {"token": (cluster.directory / "token").read_text()}}],
        "contexts": [{"name": "here", "context": {"cluster": "it", "user": "me"}}],
        "current-context": "",
    }
    return ClusterArgs(kubeconfig=yaml.safe_dump(text), context="here", server=cluster.url)
