"""What a destroy leaves, and what it refuses."""

import json
import subprocess
from dataclasses import dataclass, field
from typing import Any

import pytest
from kubernetes import client

import ops.teardown
from ops.errors import OpsError
from ops.teardown import Kept, protected, refuse_protected, retained, teardown
from tests.support import api_server

FILE_SYSTEM = {"type": "aws:efs/fileSystem:FileSystem", "id": "fs-1", "custom": True, "protect": True}
NAMESPACE = {"type": "kubernetes:core/v1:Namespace", "id": "tts", "custom": True, "protect": True}


def storage_class(policy: str) -> dict[str, Any]:
    outputs = {"metadata": {"name": "disks"}, "reclaimPolicy": policy}
    return {"type": "kubernetes:storage.k8s.io/v1:StorageClass", "id": "disks", "outputs": outputs}


def claim(volume: str | None) -> dict[str, Any]:
    outputs = {
        "metadata": {"namespace": "tts", "name": "outputs"},
        "spec": {"storageClassName": "disks", "volumeName": volume},
    }
    return {"type": "kubernetes:core/v1:PersistentVolumeClaim", "id": "tts/outputs", "outputs": outputs}


@dataclass
class Scripted:
    """A `pulumi` whose state is given and whose destroy may fail."""

    resources: list[dict[str, Any]]
    fails: bool = False
    stack: str = "prod"
    ran: list[str] = field(default_factory=list[str])

    def run(self, *arguments: str, capture: bool = False) -> subprocess.CompletedProcess[str]:  # noqa: ARG002
        self.ran.append(arguments[0])
        if arguments[0] == "destroy" and self.fails:
            raise OpsError("pulumi destroy of prod failed.")
        answer: dict[str, Any] = (
            {"deployment": {"resources": self.resources}} if arguments[1] == "export" else {}
        )
        return subprocess.CompletedProcess(arguments, 0, json.dumps(answer))


def test_what_is_protected_is_left() -> None:
    assert list(protected([FILE_SYSTEM, storage_class("Retain")])) == [
        Kept("aws:efs/fileSystem:FileSystem", "fs-1", "protected")
    ]


def test_a_volume_is_left_where_its_class_retains_it() -> None:
    assert [item.name for item in retained([storage_class("Retain"), claim("pvc-1")])] == ["pvc-1"]
    assert not list(retained([storage_class("Delete"), claim("pvc-1")])), "the driver deletes it"
    assert not list(retained([storage_class("Retain"), claim(None)])), (
        "a claim that never got one leaves none"
    )


def test_a_protected_service_is_not_half_destroyed() -> None:
    pulumi = Scripted([NAMESPACE, FILE_SYSTEM])
    with pytest.raises(OpsError, match="deletionProtection false --stack prod"):
        refuse_protected(pulumi)
    with pytest.raises(OpsError):
        teardown(pulumi)
    assert "destroy" not in pulumi.ran, "what is not protected would go, the service among it"


def test_the_claims_of_a_delivery_from_git_are_the_clusters_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    application = {"type": "kubernetes:argoproj.io/v1alpha1:Application", "id": "argocd/speech"}
    monkeypatch.setattr(ops.teardown, "_delivered_claims", lambda _: [claim("pvc-1")])
    assert [item.name for item in teardown(Scripted([application, storage_class("Retain")]))] == ["pvc-1"], (
        "Pulumi's state has no claims, and somebody pays for the disk"
    )
    assert teardown(Scripted([storage_class("Retain")])) == []


def content(handle: str, policy: str = "Retain", **changes: Any) -> dict[str, Any]:
    return {
        "spec": {
            "deletionPolicy": policy,
            "driver": "ebs.csi.aws.com",
            "source": changes.get("source", {"volumeHandle": "vol-1"}),
            "volumeSnapshotClassName": changes.get("snapshot_class", "tts-snapshots"),
            "volumeSnapshotRef": {"namespace": "tts", "name": "a-outputs"},
        },
        "status": {"snapshotHandle": handle},
    }


def test_snapshots_are_left_where_their_class_retains_them(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot_class = {
        "type": "kubernetes:snapshot.storage.k8s.io/v1:VolumeSnapshotClass",
        "id": "tts-snapshots",
        "outputs": {"metadata": {"name": "tts-snapshots"}, "deletionPolicy": "Retain"},
    }
    contents = [
        content("snap-1"),
        content("snap-2", policy="Delete"),
        content("snap-3", snapshot_class="other"),
        content("snap-4", source={"snapshotHandle": "snap-4"}),
    ]
    monkeypatch.setattr(ops.teardown, "_outputs", lambda _: {"kubeconfig": "{}"})
    monkeypatch.setattr(ops.teardown, "_contents", lambda _: contents)
    assert teardown(Scripted([snapshot_class])) == [
        Kept("ebs.csi.aws.com", "snap-1", "retained, of snapshot tts/a-outputs")
    ], "somebody pays for it, and another environment's is not theirs to delete"
    assert teardown(Scripted([])) == []


def test_a_destroy_that_fails_says_which_volumes_stay() -> None:
    pulumi = Scripted([storage_class("Retain"), claim("pvc-1")], fails=True)
    with pytest.raises(OpsError, match="Volumes and snapshots that stay: pvc-1"):
        teardown(pulumi)


OWN_NAMESPACE = {**NAMESPACE, "protect": False}


class TestGuests:
    def test_their_disks_are_not_left_behind(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with api_server.running() as api:
            monkeypatch.setattr(ops.teardown, "_outputs", lambda _: {"kubeconfig": "{}"})
            monkeypatch.setattr(ops.teardown, "_core", lambda _: client.CoreV1Api(api.client))
            api.add("namespaces", {"metadata": {"name": "tts"}})
            alone = Scripted([OWN_NAMESPACE], stack="dev")
            teardown(alone)
            assert "destroy" in alone.ran, "the platform's own namespace is no guest"
            api.add("namespaces", {"metadata": {"name": "tts-a", "labels": {"tts-platform/state-id": "1"}}})
            pulumi = Scripted([OWN_NAMESPACE], stack="dev")
            with pytest.raises(OpsError, match=r"in tts-a: .*make ephemeral-list STACK=dev"):
                teardown(pulumi)
        assert "destroy" not in pulumi.ran, "a trial's volumes outlive the cluster, and are on no list"

    def test_a_second_try_asks_no_cluster_that_is_gone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ops.teardown, "_outputs", lambda _: {"kubeconfig": "{}"})
        assert teardown(Scripted([FILE_SYSTEM], stack="dev")), "it could never be destroyed to its end"
