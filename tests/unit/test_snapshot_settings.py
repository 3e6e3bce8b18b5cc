"""What the keys about snapshots refuse, and what they are where nobody sets them."""

from collections.abc import Mapping
from typing import Any

import pytest

from components.cluster import ClusterArgs
from components.tts.restorable import Asked
from components.tts.restore import Restore
from stacks import arguments
from stacks.choices import Snapshots
from stacks.load import load
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
    ("snapshotSchedule", {"snapshotSchedule": "0 2 31 2 *"}, "never comes"),
    ("snapshotSchedule", {"snapshotSchedule": "0 2 31 4,feb ?"}, "never comes"),
    ("snapshotSchedule", {"snapshotSchedule": "0 2 * * 8"}, "has 8 for its day of the week"),
    ("snapshotSchedule", {"snapshotSchedule": "0 2 * * MONDAY"}, "for its day of the week"),
    ("snapshotSchedule", {"snapshotSchedule": "0 2 * mon *"}, "for its month"),
    ("snapshotSchedule", {"snapshotSchedule": "@reboot"}, "has 1 fields"),
    ("snapshotMinutes", {"snapshotMinutes": "0"}, "not a number from 1"),
    ("snapshotMinutes", {"snapshotMinutes": "721"}, "not a number from 1 to 720"),
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
    # As a pipe through jq leaves them where there is no such snapshot.
    ("weightsFrom", {"weightsFrom": "null"}, "not the handle"),
    ("outputsFrom", {"outputsFrom": "null"}, "not the handle"),
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


@pytest.mark.parametrize(
    "schedule",
    [
        "0 2 * * *",
        "*/15 0-6 1,15 * 1-5",
        "30 23 * * 0",
        "0 2 * JAN-mar MON,wed-fri",
        "5/20 2 ? * ?",
        "0 2 * * */7",
        "0 2 29 2 *",
        # On Mondays in February.
        "0 2 31 2 MON",
        "@daily",
    ],
)
def test_schedules_that_cron_knows(schedule: str) -> None:
    assert load("local", {**LOCAL, "snapshotSchedule": schedule}, {}).settings.snapshot_schedule == schedule


@pytest.mark.parametrize(
    ("weekdays", "expected"), [("7", "0"), ("5-7", "0,5,6"), ("fri-sun", "0,5,6"), ("1-7/3", "0,1,4")]
)
def test_sunday_is_also_the_seventh_day(weekdays: str, expected: str) -> None:
    made = load("local", {**LOCAL, "snapshotSchedule": f"0 2 * * {weekdays}"}, {})
    assert made.settings.snapshot_schedule == f"0 2 * * {expected}", "Kubernetes refuses 7"


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
    def test_the_cluster_is_asked_for_this_stacks_snapshot(self) -> None:
        made = load("local", {**LOCAL, "restoreFrom": NAME}, {})
        connection = ClusterArgs(kubeconfig="/kubeconfig", context="local", server="https://127.0.0.1")
        args = arguments.tts_service(made, "issuer", arguments.provisioning(made), None, connection)
        assert args.restore == Restore(snapshot=NAME)
        assert args.restore_asked == Asked(cluster=connection, stack="local")

    def test_nobody_is_where_manifests_are_rendered(self) -> None:
        made = load("local", {**LOCAL, "restoreFrom": NAME}, {})
        assert arguments.tts_service(made, "issuer", arguments.provisioning(made)).restore_asked is None

    def test_how_long_one_may_take(self) -> None:
        for values, seconds in (({}, 3600), ({"snapshotMinutes": "90"}, 5400)):
            made = load("local", {**LOCAL, **values}, {})
            args = arguments.tts_service(made, "issuer", arguments.provisioning(made))
            assert args.snapshots is not None
            assert args.snapshots.seconds == seconds

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
