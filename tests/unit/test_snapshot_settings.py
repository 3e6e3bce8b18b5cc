"""What the keys about snapshots refuse, and what they are where nobody sets them."""

from collections.abc import Mapping
from typing import Any

import pytest

from components.tts.restore import Restore
from stacks import arguments
from stacks.choices import Snapshots
from stacks.load import load
from stacks.settings import ExistingClaim
from tests.support import settings
from tests.unit.test_aws_settings import PROD, SINGLE

LOCAL: dict[str, Any] = {
    "domain": "tts.localhost",
    "engine": "espeak",
    "image": "localhost/tts-platform/espeak:1.0.0",
    "replicas": "1",
    "gpusPerPod": "1",
    "outputsSize": "1Gi",
    "httpsPort": "8443",
    "namespace": "tts",
}
NAME = "espeak-v1.0.0-20251220-0200"

REFUSED: list[tuple[str, Mapping[str, Any], str]] = [
    ("snapshotSchedule", {"snapshotSchedule": "daily"}, "has 1 fields"),
    ("snapshotSchedule", {"snapshotSchedule": "0 24 * * *"}, "has 24 for its hour"),
    ("snapshotSchedule", {"snapshotSchedule": "60 2 * * *"}, "has 60 for its minute"),
    ("snapshotSchedule", {"snapshotSchedule": "*/0 2 * * *"}, "for its minute"),
    ("snapshotSchedule", {"snapshotSchedule": "0 5-2 * * *"}, "for its hour"),
    ("snapshotTimeZone", {"snapshotTimeZone": "Berlin"}, "not a time zone"),
    ("snapshotTimeZone", {"snapshotTimeZone": "UTC+1"}, "not a time zone"),
    ("snapshotsKept", {"snapshotsKept": "0"}, "not a number from 1"),
    ("snapshotsKept", {"snapshotsKept": "1000"}, "not a number from 1"),
    ("snapshotImage", {"snapshotImage": "python:latest"}, "can change"),
    ("snapshotDriver", {"snapshotDriver": "EBS driver"}, "not the name of a CSI driver"),
    ("snapshots", {"snapshots": "yes"}, "none of the choices"),
    ("restoreFrom", {"restoreFrom": "my snapshot"}, "names no snapshot"),
    ("restoreFrom", {"restoreFrom": f"{NAME}@1"}, "names no snapshot"),
    ("restoreFrom", {"snapshots": "none", "restoreFrom": NAME}, "snapshots is none"),
    ("weightsFrom", {"weightsFrom": "snap 1"}, "not the handle"),
    ("weightsFrom", {"weightsFrom": "snap-1"}, "weightsSize is not set"),
    ("outputsFrom", {"snapshots": "none", "outputsFrom": "snap-1"}, "snapshots is none"),
    (
        "outputsFrom",
        {"delivery": "gitops", "gitRepository": "https://git.example.com/a.git", "outputsFrom": "snap-1"},
        "Argo CD may make none",
    ),
    ("snapshotDriver", {"kubeContext": "kind-dev", "snapshots": "csi"}, "is not set"),
]


@pytest.mark.parametrize(("key", "changes", "said"), REFUSED)
def test_refused(key: str, changes: Mapping[str, Any], said: str) -> None:
    found = settings.problems({**LOCAL, **changes}, "local")
    assert set(found) == {key}, "one mistake is one problem"
    assert said in " ".join(found[key].lines)


@pytest.mark.parametrize("schedule", ["0 2 * * *", "*/15 0-6 1,15 * 1-5", "30 23 * * 0"])
def test_schedules_that_cron_knows(schedule: str) -> None:
    assert settings.problems({**LOCAL, "snapshotSchedule": schedule}, "local") == {}


class TestDefaults:
    def test_the_embedded_clusters_storage_takes_them(self) -> None:
        made = load("local", LOCAL, {})
        assert made.settings.snapshots is Snapshots.CSI
        assert made.settings.snapshots_kept == 7
        assert made.settings.snapshot_schedule == "0 2 * * *"

    def test_nothing_is_known_of_the_storage_of_a_persons_own_cluster(self) -> None:
        made = load("local", {**LOCAL, "kubeContext": "kind-dev"}, {})
        assert made.settings.snapshots is Snapshots.NONE
        assert arguments.snapshot_class(made) is None

    def test_unless_they_name_its_driver(self) -> None:
        values = {**LOCAL, "kubeContext": "kind-dev", "snapshotDriver": "hostpath.csi.k8s.io"}
        found = arguments.snapshot_class(load("local", values, {}))
        assert found is not None
        assert found.driver == "hostpath.csi.k8s.io"

    @pytest.mark.parametrize(("storage", "expected"), [("ebs", Snapshots.CSI), ("efs", Snapshots.NONE)])
    def test_on_aws_the_storage_decides(self, storage: str, expected: Snapshots) -> None:
        made = load("prod", {**PROD, **SINGLE, "storage": storage}, {})
        assert made.settings.snapshots is expected


class TestArguments:
    def test_a_snapshot_that_is_not_restored_yet_has_to_be_this_stacks(self) -> None:
        made = load("local", {**LOCAL, "restoreFrom": NAME}, {})
        args = arguments.tts_service(made, "issuer", arguments.provisioning(made))
        assert (args.restore, args.restore_owner) == (Restore(snapshot=NAME), "local")

    def test_one_that_is_may_be_gone(self) -> None:
        there = ExistingClaim(
            size="1Gi", access_mode="ReadWriteOnce", storage_class=None, asked_class="", namespace="tts"
        )
        made = load("local", {**LOCAL, "restoreFrom": NAME}, {f"outputs-{NAME}": there})
        assert arguments.tts_service(made, "issuer", arguments.provisioning(made)).restore_owner is None

    def test_the_mirror_has_the_pinned_image_and_no_other(self) -> None:
        made = load("local", {**LOCAL, "imageRegistry": "mirror.example.com"}, {})
        args = arguments.tts_service(made, "issuer", arguments.provisioning(made))
        assert args.snapshots is not None
        assert args.snapshots.image.startswith("mirror.example.com/library/python:")
        made = load(
            "local",
            {**LOCAL, "imageRegistry": "mirror.example.com", "snapshotImage": "acme/python:3.13.1"},
            {},
        )
        args = arguments.tts_service(made, "issuer", arguments.provisioning(made))
        assert args.snapshots is not None
        assert args.snapshots.image == "acme/python:3.13.1"

    def test_what_is_recorded_is_what_makes_the_models_environment(self) -> None:
        made = load("local", {**LOCAL, "inference": {"MAX_STREAMS": "4"}}, {})
        assert arguments.recorded(made) == (
            '{"engine": "espeak", "image": "localhost/tts-platform/espeak:1.0.0", "inference": {"MAX_STREAMS": "4"}}'
        )
