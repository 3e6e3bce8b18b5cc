"""What docs/snapshots.md has people copy is what the program takes, and what it shows is what they see."""

import io
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from components.snapshot_class import snapshot_class_name
from components.storage_backend import EBS_DRIVER, EBS_STORAGE_CLASS
from components.tts.snapshot_job import names
from ops import snapshot_list
from stacks.versions import PYTHON
from tests.support import pages

ROOT = Path(__file__).parents[2]
PAGE = "snapshots.md"
NOW = datetime(2025, 12, 20, 5, 12, 30, tzinfo=UTC)


def snapshot(name: str, taken: str, reason: names.Reason, tag: str, **labels: str) -> names.SnapshotSet:
    def item(volume: str, size: str) -> dict[str, Any]:
        return {
            "metadata": {
                "name": names.object_name(name, volume),
                "labels": {names.SNAPSHOT: name, names.VOLUME: volume, names.REASON: reason, **labels},
                "annotations": {
                    names.TAKEN: taken,
                    names.IMAGE: f"registry.example.com/speech/cosyvoice:{tag}",
                    names.WHY: "before the new voices" if reason is names.Reason.BY_HAND else "",
                    names.VOLUMES: "outputs,weights",
                },
            },
            "status": {"readyToUse": True, "restoreSize": size},
        }

    return names.SnapshotSet(name, {"outputs": item("outputs", "200Gi"), "weights": item("weights", "20Gi")})


def test_the_list_looks_as_the_page_shows_it() -> None:
    found = [
        snapshot("cosyvoice-v1.4.2-20251220-0200", "2025-12-20T02:00:04Z", names.Reason.SCHEDULED, "1.4.2"),
        snapshot("cosyvoice-v1.4.2-20251219-1530", "2025-12-19T15:30:09Z", names.Reason.BY_HAND, "1.4.2"),
        snapshot(
            "pre-upgrade-1.4.2", "2025-12-18T09:41:12Z", names.Reason.PRE_UPGRADE, "1.4.1", keep=names.KEPT
        ),
    ]
    printed = io.StringIO()
    console = Console(file=printed, width=240, emoji=False)
    console.print(snapshot_list.table("prod", found, NOW))
    console.print(snapshot_list.last_good("prod", found, NOW, "tts"))
    lines = [line.rstrip() for line in printed.getvalue().splitlines()]
    assert "\n".join(lines) + "\n" in pages.blocks(PAGE), "nobody could tell their own list by it"


@pytest.mark.parametrize("page", [PAGE, "costs.md", "aws.md", "gitops.md"])
def test_every_target_that_a_page_names_is_one(page: str) -> None:
    text = (pages.DOCS / page).read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^|`|&& |\$ )make ([a-z-]+)", text, flags=re.MULTILINE))
    targets = set(
        re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    )
    assert named, "the pattern finds nothing"
    assert named <= targets


def test_nothing_is_said_to_run_without_the_venv() -> None:
    text = (pages.DOCS / PAGE).read_text(encoding="utf-8")
    assert not re.search(r"(?<!\.venv/bin/)python -m (ops|local)", text), (
        "a person's own Python has none of the packages"
    )


class TestOneFile:
    """The pod beside the service."""

    claim, pod = pages.objects(PAGE)[:2]

    def test_the_namespace_lets_it_in(self) -> None:
        """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted."""
        spec = self.pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] != 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        (container,) = spec["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {key for volume in spec["volumes"] for key in volume} == {"name", "persistentVolumeClaim"}

    def test_it_reads_what_the_engine_wrote(self) -> None:
        context = self.pod["spec"]["securityContext"]
        assert context["fsGroup"] == context["runAsGroup"], (
            "an engine that is root leaves files to root alone"
        )

    def test_it_runs_what_the_cluster_has(self) -> None:
        assert self.pod["spec"]["containers"][0]["image"] == PYTHON

    def test_its_volume_is_made_from_the_snapshot(self) -> None:
        (volume,) = self.pod["spec"]["volumes"]
        assert volume["persistentVolumeClaim"]["claimName"] == self.claim["metadata"]["name"]
        assert self.claim["spec"]["storageClassName"] == EBS_STORAGE_CLASS
        source = self.claim["spec"]["dataSource"]
        assert (source["apiGroup"], source["kind"]) == (names.API_GROUP, "VolumeSnapshot")
        assert names.names_taken([{"metadata": {"name": source["name"]}}]), (
            "a set's name alone is no object's"
        )


class TestBackFromAHandle:
    """The objects that stand for what only the storage has."""

    content, snapshot = pages.objects(PAGE)[2:4]

    def test_the_two_name_each_other(self) -> None:
        metadata = self.snapshot["metadata"]
        assert self.content["spec"]["volumeSnapshotRef"] == {
            "name": metadata["name"],
            "namespace": metadata["namespace"],
        }
        assert (
            self.snapshot["spec"]["source"]["volumeSnapshotContentName"] == self.content["metadata"]["name"]
        )

    def test_they_are_of_the_stacks_driver_and_class(self) -> None:
        assert self.content["spec"]["driver"] == EBS_DRIVER
        for item in (self.content, self.snapshot):
            assert item["apiVersion"] == f"{names.API_GROUP}/{names.API_VERSION}"
            assert item["spec"]["volumeSnapshotClassName"] == snapshot_class_name("tts")

    def test_the_only_copy_stays(self) -> None:
        assert self.content["spec"]["deletionPolicy"] == "Retain"
        (found,) = names.sets([self.snapshot])
        assert found.pinned
