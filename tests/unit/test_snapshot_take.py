"""The program that takes snapshots, against an API over HTTPS that breaks on demand."""

import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from components.tts import snapshots
from components.tts.snapshot_job import __main__ as command
from components.tts.snapshot_job import events, names
from components.tts.snapshot_job.api import Api, Refused, Unreachable
from components.tts.snapshot_job.names import Reason, State
from components.tts.snapshot_job.take import Clock, Failed, NotRestorable, Taker
from components.tts.snapshot_job.volume_snapshots import Place
from components.tts.snapshot_job.wanted import Wanted
from tests.support.cluster_api import ClusterApi, Object, serving

ROOT = Path(__file__).parents[2]
OLD, NEW = "registry.example.com/speech/glm-tts:1.0.0", "registry.example.com/speech/glm-tts:1.1.0"
DIGEST = f"registry.example.com/speech/glm-tts@sha256:{'1' * 64}"
SETTINGS = '{"engine": "glm-tts"}'
NIGHT = datetime(2025, 12, 20, 2, 0, tzinfo=UTC)
NAME = "glm-tts-v1.0.0-20251220-0200"
PLACE = Place(
    namespace="tts",
    stack="prod",
    engine="the-next-engine",
    snapshot_class="tts-snapshots",
    deployment="speech",
    kept=7,
    seconds=600,
)

SAME = Wanted(claims={"outputs": "outputs", "weights": "weights"})
"""The new pods mount what the old ones do."""


@dataclass
class FakeTime:
    """Passes when somebody waits."""

    start: datetime = NIGHT
    passed: float = 0
    while_waiting: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])
    """One for each wait, in order."""

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.passed)

    def sleep(self, seconds: float) -> None:
        self.passed += seconds
        if self.while_waiting:
            self.while_waiting.pop(0)()

    @property
    def clock(self) -> Clock:
        return Clock(now=self.now, sleep=self.sleep, monotonic=lambda: self.passed)


def claim(name: str, phase: str = "Bound", **spec: Any) -> Object:
    return {"metadata": {"name": name}, "spec": spec, "status": {"phase": phase}}


def pod(name: str, image: str = OLD, *, ready: bool = True, created: str = "2025-12-01T00:00:00Z") -> Object:
    return {
        "metadata": {
            "name": name,
            "labels": {"app.kubernetes.io/name": "speech"},
            "annotations": {names.SETTINGS: SETTINGS},
            "creationTimestamp": created,
        },
        "spec": {"containers": [{"name": "speech", "image": image}]},
        "status": {
            "conditions": [{"type": "Ready", "status": str(ready)}],
            "containerStatuses": [{"name": "speech", "imageID": DIGEST}],
        },
    }


def deployment(image: str = OLD, volumes: Mapping[str, str] | None = None) -> Object:
    mounted = volumes or {"outputs": "outputs", "weights": "weights"}
    return {
        "metadata": {"name": "speech", "annotations": {names.ENGINE: "glm-tts"}},
        "spec": {
            "selector": {"matchLabels": {"app.kubernetes.io/name": "speech"}},
            "template": {
                "metadata": {"annotations": {names.SETTINGS: SETTINGS}},
                "spec": {
                    "containers": [{"name": "speech", "image": image}],
                    "volumes": [
                        *(
                            {"name": name, "persistentVolumeClaim": {"claimName": claim}}
                            for name, claim in mounted.items()
                        ),
                        {"name": "tmp", "emptyDir": {}},
                    ],
                },
            },
        },
    }


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[ClusterApi]:
    """A service that runs, on storage whose snapshots are ready at once."""
    with serving(tmp_path / "account", "tts", snapshots.RULES) as api:
        api.add("deployments", deployment())
        api.add("pods", pod("speech-1"))
        api.add("cronjobs", {"metadata": {"name": "snapshots"}})
        for name in ("outputs", "weights"):
            api.add("persistentvolumeclaims", claim(name))
        api.on_create = ready
        yield api


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()


def ready(item: Object) -> None:
    item["status"] = {"readyToUse": True}


def waiting(item: Object) -> None:
    item["status"] = {"readyToUse": False}


def broken(item: Object) -> None:
    if item["metadata"]["name"].endswith("-weights"):
        item["status"] = {"readyToUse": False, "error": {"message": "rpc error: no\nspace left"}}
    else:
        ready(item)


def to_all(cluster: ClusterApi, happens: Callable[[Object], None]) -> None:
    for item in cluster.all("volumesnapshots"):
        happens(item)


def taker(cluster: ClusterApi, fake_time: FakeTime, **changes: Any) -> Taker:
    api = Api(cluster.url, "tts", cluster.directory, sleep=fake_time.sleep)
    return Taker(api, replace(PLACE, **changes), fake_time.clock, say=lambda _line: None)


def pre_upgrade(
    cluster: ClusterApi, fake_time: FakeTime, image: str, wanted: Wanted = SAME, **changes: Any
) -> str | None:
    return taker(cluster, fake_time, **changes).pre_upgrade(image, wanted)


def taken(cluster: ClusterApi) -> list[str]:
    return cluster.names("volumesnapshots")


def event_of(cluster: ClusterApi, owner: str) -> Object:
    (found,) = [item for item in cluster.all("events") if item["involvedObject"]["kind"] == owner]
    return found


def event(cluster: ClusterApi) -> Object:
    (found,) = cluster.all("events")
    return found


class TestAGoodOne:
    def test_it_has_every_volume_that_the_pods_mount(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        assert taker(cluster, fake_time).scheduled() == NAME
        assert taken(cluster) == [f"{NAME}-outputs", f"{NAME}-weights"]
        (outputs, weights) = cluster.all("volumesnapshots")
        assert outputs["spec"] == {
            "volumeSnapshotClassName": "tts-snapshots",
            "source": {"persistentVolumeClaimName": "outputs"},
        }
        assert weights["spec"]["source"] == {"persistentVolumeClaimName": "weights"}

    def test_it_says_what_ran(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        taker(cluster, fake_time).by_hand("Before I try something.", "kim@example.com")
        metadata = cluster.objects["volumesnapshots", f"{NAME}-outputs"]["metadata"]
        assert metadata["labels"] == {
            "tts-platform/snapshot": NAME,
            "tts-platform/volume": "outputs",
            "tts-platform/stack": "prod",
            "tts-platform/engine": "glm-tts",
            "tts-platform/version": "1.0.0",
            "tts-platform/reason": "by-hand",
        }, "and not what will run next"
        assert metadata["annotations"].pop(names.RUN)
        assert metadata["annotations"] == {
            "tts-platform/taken": "2025-12-20T02:00:00Z",
            "tts-platform/image": OLD,
            "tts-platform/image-id": DIGEST,
            "tts-platform/settings": SETTINGS,
            "tts-platform/claim": "outputs",
            "tts-platform/volumes": "outputs,weights",
            "tts-platform/seconds": "600",
            "tts-platform/why": "Before I try something.",
            "tts-platform/by": "kim@example.com",
        }

    def test_after_a_restore_it_is_of_the_claims_that_are_mounted(
        self, cluster: ClusterApi, fake_time: FakeTime
    ) -> None:
        cluster.add("deployments", deployment(volumes={"outputs": "outputs-s", "weights": "weights-s"}))
        for name in ("outputs-s", "weights-s"):
            cluster.add("persistentvolumeclaims", claim(name))
        name = taker(cluster, fake_time).scheduled()
        (one,) = names.sets(cluster.all("volumesnapshots"))
        assert one.name == name
        assert one.claims == {"outputs": "outputs-s", "weights": "weights-s"}

    def test_without_weights_there_is_one_volume(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        cluster.add("deployments", deployment(volumes={"outputs": "outputs"}))
        taker(cluster, fake_time).scheduled()
        assert taken(cluster) == [f"{NAME}-outputs"]

    def test_it_is_waited_for(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        cluster.on_create = waiting

        def one_more() -> None:
            for item in cluster.all("volumesnapshots"):
                if item["status"] == {"readyToUse": False}:
                    ready(item)
                    return

        fake_time.while_waiting = [lambda: None, one_more, lambda: None, one_more]
        assert taker(cluster, fake_time).scheduled() == NAME
        assert not fake_time.while_waiting, "one of the two was not ready yet"

    def test_the_cron_job_tells(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        taker(cluster, fake_time).scheduled()
        assert (event(cluster)["type"], event(cluster)["reason"]) == ("Normal", "SnapshotTaken")
        assert (
            event(cluster)["involvedObject"]["uid"]
            == cluster.objects["cronjobs", "snapshots"]["metadata"]["uid"]
        )
        assert NAME in event(cluster)["message"]

    def test_the_job_tells_too(self, cluster: ClusterApi) -> None:
        del cluster.objects["cronjobs", "snapshots"]
        place = replace(PLACE, job="pre-upgrade", job_uid="uid-of-the-job")
        events.warn(Api(cluster.url, "tts", cluster.directory), place, "SnapshotFailed", "No space.")
        assert event(cluster)["involvedObject"] == {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "name": "pre-upgrade",
            "namespace": "tts",
            "uid": "uid-of-the-job",
        }, "Pulumi shows a Job's warnings while it waits for it"
        assert event(cluster)["type"] == "Warning"

    def test_it_is_of_a_ready_pods_image(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        cluster.add("deployments", deployment(NEW))
        cluster.add("pods", pod("speech-2", NEW, ready=False, created="2025-12-19T00:00:00Z"))
        taker(cluster, fake_time).scheduled()
        (one,) = names.sets(cluster.all("volumesnapshots"))
        assert one.image == OLD, "what never got ready has not made the data"


class TestANameThatIsTaken:
    def test_the_next_one_is_used(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        assert taker(cluster, fake_time).by_hand("", "kim") == NAME
        assert taker(cluster, fake_time).by_hand("", "kim") == f"{NAME}-2"

    def test_also_where_only_the_second_volumes_is(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        cluster.add("volumesnapshots", {"metadata": {"name": f"{NAME}-weights"}})
        assert taker(cluster, fake_time).scheduled() == f"{NAME}-2"

    def test_one_that_is_taken_meanwhile_is_left_to_its_owner(
        self, cluster: ClusterApi, fake_time: FakeTime
    ) -> None:
        def race(item: Object) -> None:
            ready(item)
            if item["metadata"]["name"] == f"{NAME}-outputs":
                cluster.add("volumesnapshots", {"metadata": {"name": f"{NAME}-weights"}})

        cluster.on_create = race
        assert taker(cluster, fake_time).scheduled() == f"{NAME}-2"
        assert taken(cluster) == [f"{NAME}-2-outputs", f"{NAME}-2-weights", f"{NAME}-weights"], (
            "the half that we made goes, and what is somebody else's stays"
        )

    def test_an_answer_that_was_lost_is_no_other_owner(
        self, cluster: ClusterApi, fake_time: FakeTime
    ) -> None:
        lost = [True, True]
        cluster.hangs_up_after = lambda method, _path: method == "POST" and bool(lost) and lost.pop()
        assert taker(cluster, fake_time).scheduled() == NAME
        assert taken(cluster) == [f"{NAME}-outputs", f"{NAME}-weights"], "it was made by the first request"


class TestAFailure:
    def test_an_error_is_told_and_nothing_left(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        cluster.on_create = broken
        with pytest.raises(Failed, match=f"snapshot {NAME} failed: weights: rpc error: no space left"):
            taker(cluster, fake_time).scheduled()
        assert taken(cluster) == [], "half of it would look like something to restore"

    def test_an_error_may_go_away(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        cluster.on_create = broken
        fake_time.while_waiting = [
            *[lambda: None] * 5,
            lambda: ready(cluster.objects["volumesnapshots", f"{NAME}-weights"]),
        ]
        assert taker(cluster, fake_time).scheduled() == NAME, "the snapshotter tries again by itself"

    def test_an_error_from_before_it_was_cut_says_nothing(
        self, cluster: ClusterApi, fake_time: FakeTime
    ) -> None:
        def uploading(item: Object) -> None:
            broken(item)
            item["status"]["creationTime"] = "2025-12-20T02:00:01Z"

        cluster.on_create = uploading
        fake_time.while_waiting = [*[lambda: None] * 60, partial(to_all, cluster, ready)]
        assert taker(cluster, fake_time).scheduled() == NAME, "an upload would begin from nothing"
        assert fake_time.passed > 200

    def test_it_is_not_waited_for_for_ever(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        cluster.on_create = waiting
        with pytest.raises(Failed, match="is not ready after 600 s: outputs and weights not ready since"):
            taker(cluster, fake_time).scheduled()
        assert 600 <= fake_time.passed < 620

    @pytest.mark.parametrize("what", ["scheduled", "by_hand", "pre_upgrade"])
    def test_what_only_takes_longer_is_left_to_the_storage(
        self, cluster: ClusterApi, fake_time: FakeTime, what: str
    ) -> None:
        cluster.on_create = waiting
        run = taker(cluster, fake_time)
        given = {"scheduled": (), "by_hand": ("", "kim"), "pre_upgrade": (NEW, SAME)}[what]
        with pytest.raises(Failed, match="It is left to the storage"):
            getattr(run, what)(*given)
        assert len(taken(cluster)) == 2, "the next try would begin from nothing, and be late again"
        (one,) = names.sets(cluster.all("volumesnapshots"))
        assert one.state(fake_time.now()) is State.UNDER_WAY
        to_all(cluster, ready)
        assert one.state(fake_time.now()) is State.GOOD

    def test_nights_that_are_late_pile_up_no_old_ones(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        for _ in range(5):
            taker(cluster, fake_time, kept=2).scheduled()
            fake_time.sleep(86400)
        cluster.on_create = waiting
        with pytest.raises(Failed, match="It is left to the storage"):
            taker(cluster, fake_time, kept=1).scheduled()
        found = names.sets(cluster.all("volumesnapshots"))
        assert [one.state(fake_time.now()) for one in found] == [State.UNDER_WAY, State.GOOD]

    def test_the_schedules_next_try_waits_for_it(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        cluster.on_create = waiting
        with pytest.raises(Failed):
            taker(cluster, fake_time).scheduled()
        fake_time.while_waiting = [partial(to_all, cluster, ready)]
        assert taker(cluster, fake_time).scheduled() == NAME
        assert len(taken(cluster)) == 2, "another one beside it would make slow storage slower"

    def test_it_has_failed_when_two_have_waited_in_vain(
        self, cluster: ClusterApi, fake_time: FakeTime
    ) -> None:
        cluster.on_create = waiting
        for _ in range(2):
            with pytest.raises(Failed):
                taker(cluster, fake_time).scheduled()
        (one,) = names.sets(cluster.all("volumesnapshots"))
        assert one.state(fake_time.now()) is State.FAILED

    def test_one_that_is_deleted_meanwhile(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        cluster.on_create = waiting

        def somebody_deletes() -> None:
            del cluster.objects["volumesnapshots", f"{NAME}-weights"]

        fake_time.while_waiting = [somebody_deletes]
        with pytest.raises(Failed, match="was deleted while it was taken"):
            taker(cluster, fake_time).scheduled()
        assert taken(cluster) == []

    def test_what_may_not_be_done_is_said_at_once(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        cluster.broken = lambda method, _path: 422 if method == "POST" else None
        with pytest.raises(Failed, match=f"snapshot {NAME} was refused: the server is starting"):
            taker(cluster, fake_time).scheduled()
        assert fake_time.passed == 0

    def test_a_volume_that_there_is_not_yet(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        cluster.add("persistentvolumeclaims", claim("weights", "Pending"))
        with pytest.raises(Failed, match="claim weights has no volume yet"):
            taker(cluster, fake_time).scheduled()
        assert taken(cluster) == []

    def test_no_deployment(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        del cluster.objects["deployments", "speech"]
        with pytest.raises(Failed, match="there is no Deployment speech in namespace tts"):
            taker(cluster, fake_time).scheduled()

    def test_no_old_one_goes(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        taker(cluster, fake_time).scheduled()
        fake_time.passed += 24 * 3600
        cluster.on_create = broken
        with pytest.raises(Failed):
            taker(cluster, fake_time, kept=1).scheduled()
        assert taken(cluster) == [f"{NAME}-outputs", f"{NAME}-weights"]


class TestAnApiThatIsAway:
    @pytest.mark.parametrize("answer", [503, 500, 429, 0])
    def test_for_a_moment_nothing_is_lost(
        self, cluster: ClusterApi, fake_time: FakeTime, answer: int
    ) -> None:
        back = fake_time.now() + timedelta(seconds=40)
        cluster.broken = lambda _method, _path: answer if fake_time.now() < back else None
        assert taker(cluster, fake_time).by_hand("", "kim").startswith("glm-tts-v1.0.0-20251220-0200")

    def test_for_longer_it_is_said(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        cluster.broken = lambda _method, _path: 503
        with pytest.raises(
            Unreachable, match=r"does not answer GET .*/deployments/speech: the server is starting"
        ):
            taker(cluster, fake_time).scheduled()
        assert 60 <= fake_time.passed <= 75

    def test_while_the_storage_works_on_it_may_be_away_for_minutes(
        self, cluster: ClusterApi, fake_time: FakeTime
    ) -> None:
        def away() -> None:
            back = fake_time.now() + timedelta(minutes=5)
            cluster.broken = lambda _method, _path: 0 if fake_time.now() < back else None
            to_all(cluster, ready)

        cluster.on_create = waiting
        fake_time.while_waiting = [away]
        assert taker(cluster, fake_time).scheduled() == NAME

    def test_another_ca_is_not_trusted(
        self, cluster: ClusterApi, fake_time: FakeTime, tmp_path: Path
    ) -> None:
        with serving(tmp_path / "other", "tts", snapshots.RULES) as other:
            api = Api(cluster.url, "tts", other.directory, sleep=fake_time.sleep)
            with pytest.raises(Unreachable, match="certificate verify failed"):
                api.claims()
        assert not cluster.requests, "it would have been told the token"

    def test_a_clusters_plain_ca_is_trusted(
        self, cluster: ClusterApi, fake_time: FakeTime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Python is stricter from 3.13 on than the one that may run this test."""
        context = ssl.create_default_context(cafile=str(cluster.directory / "ca.crt"))
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        monkeypatch.setattr(ssl, "create_default_context", lambda **_: context)
        assert taker(cluster, fake_time).scheduled() == NAME

    def test_a_proxy_is_not_asked(
        self, cluster: ClusterApi, fake_time: FakeTime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
        assert taker(cluster, fake_time).scheduled() == NAME

    def test_a_token_that_was_replaced_is_read_again(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        api = Api(cluster.url, "tts", cluster.directory, sleep=fake_time.sleep)
        token = (cluster.directory / "token").read_text()
        (cluster.directory / "token").write_text("expired")
        with pytest.raises(Refused, match="Unauthorized"):
            api.claims()
        (cluster.directory / "token").write_text(token)
        assert len(api.claims()) == 2


class TestBeforeAnUpgrade:
    NAME = "pre-upgrade-1.1.0"

    def test_one_is_taken(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        assert pre_upgrade(cluster, fake_time, NEW) == self.NAME
        (one,) = names.sets(cluster.all("volumesnapshots"))
        assert (one.reason, one.version, one.why) == (
            Reason.PRE_UPGRADE,
            "1.0.0",
            f"Before the upgrade to {NEW}",
        )

    def test_the_version_that_runs_is_no_upgrade(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        assert pre_upgrade(cluster, fake_time, OLD) is None
        assert taken(cluster) == []

    def test_as_long_as_one_ready_pod_is_old_it_is_one(
        self, cluster: ClusterApi, fake_time: FakeTime
    ) -> None:
        cluster.add("pods", pod("speech-2", NEW))
        assert pre_upgrade(cluster, fake_time, NEW) == self.NAME

    @pytest.mark.parametrize("image", [OLD, NEW])
    def test_pods_that_are_not_ready_count_where_none_is(
        self, cluster: ClusterApi, fake_time: FakeTime, image: str
    ) -> None:
        cluster.add("pods", pod("speech-1", image, ready=False))
        assert (pre_upgrade(cluster, fake_time, NEW) is None) == (image == NEW), (
            "a broken service has data too, and its next version could break it further"
        )

    def test_a_service_that_is_scaled_to_nothing_has_data_too(
        self, cluster: ClusterApi, fake_time: FakeTime
    ) -> None:
        del cluster.objects["pods", "speech-1"]
        assert pre_upgrade(cluster, fake_time, OLD) is None
        assert pre_upgrade(cluster, fake_time, NEW) == self.NAME

    def test_the_first_version_has_nothing_before_it(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        for name in ("outputs", "weights"):
            cluster.add("persistentvolumeclaims", claim(name, "Pending"))
        assert pre_upgrade(cluster, fake_time, NEW) is None
        del cluster.objects["deployments", "speech"]
        assert pre_upgrade(cluster, fake_time, NEW) is None
        assert taken(cluster) == []

    def test_a_volume_that_never_came_does_not_hold_up_the_way_out(
        self, cluster: ClusterApi, fake_time: FakeTime
    ) -> None:
        cluster.add("persistentvolumeclaims", claim("weights", "Pending"))
        assert pre_upgrade(cluster, fake_time, NEW) == self.NAME
        (one,) = names.sets(cluster.all("volumesnapshots"))
        assert one.claims == {"outputs": "outputs"}
        assert one.state(fake_time.now()) is State.GOOD

    def test_a_second_try_uses_it_again(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        pre_upgrade(cluster, fake_time, NEW)
        fake_time.passed += 9 * 60
        assert pre_upgrade(cluster, fake_time, NEW) == self.NAME
        assert len(taken(cluster)) == 2

    def test_but_not_for_long(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        pre_upgrade(cluster, fake_time, NEW)
        fake_time.passed += 11 * 60
        assert pre_upgrade(cluster, fake_time, NEW) == f"{self.NAME}-2"
        assert len(taken(cluster)) == 4, "the first one stays: it is of before the first try"

    def test_nor_of_other_volumes(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        pre_upgrade(cluster, fake_time, NEW)
        cluster.add("deployments", deployment(volumes={"outputs": "outputs-s"}))
        cluster.add("persistentvolumeclaims", claim("outputs-s"))
        wanted = Wanted(claims={"outputs": "outputs-s"})
        assert pre_upgrade(cluster, fake_time, NEW, wanted) == f"{self.NAME}-2", "a restore came in between"

    def test_nor_of_an_earlier_upgrade(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        pre_upgrade(cluster, fake_time, NEW)
        fake_time.passed += 60
        # The new version came, and the old one is back.
        cluster.add("pods", pod("speech-2", created=names.time_text(fake_time.now())))
        fake_time.passed += 60
        assert pre_upgrade(cluster, fake_time, NEW) == f"{self.NAME}-2", (
            "what was written since is in no other"
        )

    def test_nor_of_another_image_of_that_version(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        pre_upgrade(cluster, fake_time, NEW)
        other = NEW.replace("registry.example.com", "mirror.example.com")
        assert pre_upgrade(cluster, fake_time, other) == f"{self.NAME}-2"

    def test_after_a_kill_the_next_try_waits_on(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        cluster.on_create = waiting
        killed(cluster, fake_time, "outputs", "weights")
        assert len(taken(cluster)) == 2
        fake_time.while_waiting = [partial(to_all, cluster, ready)]
        assert pre_upgrade(cluster, fake_time, NEW) == self.NAME
        assert len(taken(cluster)) == 2

    def test_however_long_it_has_been_under_way(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        cluster.on_create = waiting
        with pytest.raises(Failed, match="It is left to the storage"):
            pre_upgrade(cluster, fake_time, NEW, seconds=1800)
        fake_time.while_waiting = [partial(to_all, cluster, ready)]
        assert pre_upgrade(cluster, fake_time, NEW, seconds=1800) == self.NAME
        assert len(taken(cluster)) == 2, "an upgrade on slow storage would never begin"

    def test_who_gives_it_more_time_waits_for_the_same_one(
        self, cluster: ClusterApi, fake_time: FakeTime
    ) -> None:
        cluster.on_create = waiting
        killed(cluster, fake_time, "outputs", "weights")
        before = taken(cluster)
        fake_time.sleep(names.PATIENCE.total_seconds())
        (one,) = names.sets(cluster.all("volumesnapshots"))
        assert one.state(fake_time.now()) is State.FAILED
        fake_time.while_waiting = [partial(to_all, cluster, ready)]
        assert pre_upgrade(cluster, fake_time, NEW, seconds=names.PATIENCE.total_seconds()) == self.NAME
        assert taken(cluster) == before, "what is nearly there would begin from nothing"

    def test_but_not_for_one_of_an_earlier_upgrade(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        cluster.on_create = waiting
        killed(cluster, fake_time, "outputs", "weights")
        cluster.add("pods", pod("speech-2", created=names.time_text(fake_time.now())))
        cluster.on_create = ready
        assert pre_upgrade(cluster, fake_time, NEW) == f"{self.NAME}-2"
        assert len(taken(cluster)) == 4, "what the storage works on may yet become a good one"

    def test_after_a_kill_half_of_one_is_made_anew(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        killed(cluster, fake_time, "outputs")
        assert taken(cluster) == [f"{self.NAME}-outputs"]
        assert names.sets(cluster.all("volumesnapshots"))[0].state(fake_time.now()) is State.UNDER_WAY, (
            "the only volume that it has is ready, and yet it is not good"
        )
        assert pre_upgrade(cluster, fake_time, NEW) == self.NAME
        assert (
            len({item["metadata"]["annotations"][names.RUN] for item in cluster.all("volumesnapshots")}) == 1
        )

    def test_one_that_went_on_and_failed_leaves_nothing(
        self, cluster: ClusterApi, fake_time: FakeTime
    ) -> None:
        cluster.on_create = waiting
        killed(cluster, fake_time, "outputs", "weights")
        fake_time.while_waiting = [partial(to_all, cluster, broken)]
        with pytest.raises(Failed):
            pre_upgrade(cluster, fake_time, NEW)
        assert taken(cluster) == []


class TestOtherVolumes:
    """A restore, and the way back from one: the new pods mount other claims than the old ones."""

    AWAY = Wanted(
        claims={"outputs": "outputs-s", "weights": "weights-s"},
        restore="s",
    )

    def ready_to_restore(self, cluster: ClusterApi, **changes: Any) -> None:
        for volume in ("outputs", "weights"):
            snapshot_of(cluster, "s", volume, **changes)

    def test_what_the_new_pods_do_not_touch_is_not_taken(
        self, cluster: ClusterApi, fake_time: FakeTime
    ) -> None:
        self.ready_to_restore(cluster)
        before = taken(cluster)
        cluster.on_create = broken
        assert pre_upgrade(cluster, fake_time, NEW, self.AWAY) is None, (
            "the way back would fail where none can be taken"
        )
        assert taken(cluster) == before

    def test_what_they_go_on_with_is(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        wanted = Wanted(claims={"outputs": "outputs-s", "weights": "weights"})
        pre_upgrade(cluster, fake_time, NEW, wanted)
        (one,) = names.sets(cluster.all("volumesnapshots"))
        assert one.claims == {"weights": "weights"}

    def test_a_volume_that_comes_with_the_upgrade_spares_no_other(
        self, cluster: ClusterApi, fake_time: FakeTime
    ) -> None:
        cluster.add("deployments", deployment(volumes={"outputs": "outputs"}))
        pre_upgrade(cluster, fake_time, NEW)
        (one,) = names.sets(cluster.all("volumesnapshots"))
        assert one.claims == {"outputs": "outputs"}

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"stack": "staging"}, "restoreFrom: s is of stack staging: write a snapshot of stack prod."),
            ({"status": {"readyToUse": False}}, "restoreFrom: s is not ready"),
            ({"status": {"error": {"message": "no\nspace"}}}, r"restoreFrom: s is not ready \(no space\)"),
            ({"deleted": True}, "restoreFrom: s is being deleted"),
        ],
    )
    def test_what_cannot_be_restored_is_refused(
        self, cluster: ClusterApi, fake_time: FakeTime, changes: dict[str, Any], said: str
    ) -> None:
        snapshot_of(cluster, "s", "outputs")
        snapshot_of(cluster, "s", "weights", **changes)
        before = taken(cluster)
        with pytest.raises(NotRestorable, match=said):
            pre_upgrade(cluster, fake_time, NEW, self.AWAY)
        assert taken(cluster) == before, "nothing is changed"

    def test_one_that_is_gone_is_refused(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        with pytest.raises(NotRestorable, match="restoreFrom: s has no outputs to restore"):
            pre_upgrade(cluster, fake_time, NEW, self.AWAY)

    def test_also_where_nothing_would_be_taken(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        with pytest.raises(NotRestorable):
            pre_upgrade(cluster, fake_time, OLD, self.AWAY)
        del cluster.objects["deployments", "speech"]
        with pytest.raises(NotRestorable):
            pre_upgrade(cluster, fake_time, NEW, self.AWAY)

    def test_unless_its_claims_are_there(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        cluster.add("persistentvolumeclaims", claim("outputs-s"))
        with pytest.raises(NotRestorable, match="restoreFrom: s has no weights to restore"):
            pre_upgrade(cluster, fake_time, NEW, self.AWAY)
        cluster.add("persistentvolumeclaims", claim("weights-s"))
        assert pre_upgrade(cluster, fake_time, NEW, self.AWAY) is None, (
            "what was restored would be out of reach once the schedule has deleted its snapshot"
        )

    def test_a_claim_without_a_volume_is_not_there_yet(
        self, cluster: ClusterApi, fake_time: FakeTime
    ) -> None:
        cluster.add("persistentvolumeclaims", claim("outputs-s", "Pending"))
        with pytest.raises(NotRestorable, match="restoreFrom: s has no outputs to restore"):
            pre_upgrade(cluster, fake_time, NEW, self.AWAY)
        self.ready_to_restore(cluster)
        assert pre_upgrade(cluster, fake_time, NEW, self.AWAY) is None

    def test_one_that_is_too_big_is_refused(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        self.ready_to_restore(cluster, status={"readyToUse": True, "restoreSize": "2Gi"})
        fits = replace(self.AWAY, sizes={"outputs": "2Gi", "weights": "3Gi"})
        assert pre_upgrade(cluster, fake_time, NEW, fits) is None
        with pytest.raises(NotRestorable, match="needs 2Gi for outputs, and outputsSize is 1Gi"):
            pre_upgrade(cluster, fake_time, NEW, replace(fits, sizes={"outputs": "1Gi"}))

    def test_a_further_restore_is_of_the_same_snapshot(
        self, cluster: ClusterApi, fake_time: FakeTime
    ) -> None:
        self.ready_to_restore(cluster)
        wanted = Wanted(claims={"outputs": "outputs-s--2", "weights": "weights-s--2"}, restore="s@2")
        assert pre_upgrade(cluster, fake_time, NEW, wanted) is None
        self.ready_to_restore(cluster, stack="staging")
        with pytest.raises(NotRestorable, match="restoreFrom: s@2 is of stack staging"):
            pre_upgrade(cluster, fake_time, NEW, wanted)


def snapshot_of(
    cluster: ClusterApi,
    name: str,
    volume: str,
    *,
    stack: str = "prod",
    status: Object | None = None,
    deleted: bool = False,
) -> None:
    labels = {names.SNAPSHOT: name, names.VOLUME: volume, names.STACK: stack}
    metadata: Object = {"name": names.object_name(name, volume), "labels": labels}
    if deleted:
        metadata["deletionTimestamp"] = "2025-12-20T01:59:30Z"
    cluster.add("volumesnapshots", {"metadata": metadata, "status": status or {"readyToUse": True}})


def killed(cluster: ClusterApi, fake_time: FakeTime, *volumes: str) -> None:
    """A try of the upgrade whose process was gone when it had made these: nobody cleaned up after it."""
    snapshot = names.pre_upgrade_name("1.1.0")
    for volume in volumes:
        item: Object = {
            "metadata": {
                "name": names.object_name(snapshot, volume),
                "labels": {
                    names.SNAPSHOT: snapshot,
                    names.VOLUME: volume,
                    names.STACK: "prod",
                    names.REASON: Reason.PRE_UPGRADE.value,
                },
                "annotations": {
                    names.TAKEN: names.time_text(fake_time.now()),
                    names.WHY: f"Before the upgrade to {NEW}",
                    names.VOLUMES: "outputs,weights",
                    names.CLAIM: volume,
                    names.RUN: "the-killed-one",
                },
            }
        }
        cluster.on_create(cluster.add("volumesnapshots", item))
    fake_time.passed += 30


class TestAMonth:
    def test_what_is_left_of_thirty_nights(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        fake_time.start = datetime(2025, 12, 1, 2, 0, tzinfo=UTC)
        for night in range(30):
            fake_time.passed = night * 24 * 3600
            cluster.on_create = broken if night + 1 in (5, 26) else ready
            run = taker(cluster, fake_time, seconds=60)
            if night + 1 in (5, 26):
                with pytest.raises(Failed):
                    run.scheduled()
                continue
            name = run.scheduled()
            if night + 1 == 3:
                item = cluster.objects["volumesnapshots", f"{name}-weights"]
                item["metadata"]["labels"]["keep"] = "true"
            if night + 1 == 9:
                source = {"kind": "VolumeSnapshot", "name": f"{name}-outputs"}
                cluster.add("persistentvolumeclaims", claim("outputs-s", "Pending", dataSource=source))
            if night + 1 == 12:
                fake_time.passed += 3600
                run.pre_upgrade(NEW, SAME)
        assert [one.name for one in reversed(names.sets(cluster.all("volumesnapshots")))] == [
            "glm-tts-v1.0.0-20251203-0200",  # pinned
            "glm-tts-v1.0.0-20251209-0200",  # a claim is being restored from it
            "pre-upgrade-1.1.0",
            "glm-tts-v1.0.0-20251223-0200",
            "glm-tts-v1.0.0-20251224-0200",
            "glm-tts-v1.0.0-20251225-0200",
            "glm-tts-v1.0.0-20251227-0200",
            "glm-tts-v1.0.0-20251228-0200",
            "glm-tts-v1.0.0-20251229-0200",
            "glm-tts-v1.0.0-20251230-0200",
        ]

    def test_one_that_is_pinned_just_now_stays(self, cluster: ClusterApi, fake_time: FakeTime) -> None:
        taker(cluster, fake_time).scheduled()
        fake_time.passed += 24 * 3600
        item = cluster.objects["volumesnapshots", f"{NAME}-outputs"]
        listed = cluster.requests

        def pin(method: str, _path: str) -> int | None:
            if method == "DELETE":
                cluster.touch(item)
            return None

        cluster.broken = pin
        taker(cluster, fake_time, kept=1).scheduled()
        assert any(request.startswith("DELETE") for request in listed)
        assert {f"{NAME}-outputs", f"{NAME}-weights"} <= set(taken(cluster))

    def test_a_deletion_that_is_refused_spoils_no_good_one(
        self, cluster: ClusterApi, fake_time: FakeTime
    ) -> None:
        taker(cluster, fake_time).scheduled()
        fake_time.passed += 24 * 3600
        cluster.broken = lambda method, _path: 403 if method == "DELETE" else None
        assert taker(cluster, fake_time, kept=1).scheduled() == "glm-tts-v1.0.0-20251221-0200"
        assert cluster.all("events")[-1]["reason"] == "SnapshotsNotDeleted"


class TestProgram:
    """As the pod starts it: a process of its own, with nothing but its files and its environment."""

    def environment(self, cluster: ClusterApi, home: Path, **more: str) -> dict[str, str]:
        place = home / "components/tts/snapshot_job"
        if not place.exists():
            place.mkdir(parents=True)
            for file in (ROOT / "components/tts/snapshot_job").glob("*.py"):
                (place / file.name).write_bytes(file.read_bytes())
        return {
            "PYTHONPATH": str(home),
            "PYTHONDONTWRITEBYTECODE": "1",
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": str(cluster.port),
            "SERVICE_ACCOUNT": str(cluster.directory),
            "NAMESPACE": "tts",
            "STACK": "prod",
            "ENGINE": "glm-tts",
            "SNAPSHOT_CLASS": "tts-snapshots",
            "KEPT": "7",
            "DEPLOYMENT": "speech",
            "SECONDS": "1",
            "CLAIMS": "outputs=outputs,weights=weights",
            "JOB": "pre-upgrade",
            "JOB_UID": "uid-of-the-job",
            **more,
        }

    def run(self, what: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-S", "-m", "components.tts.snapshot_job", what],
            env=environment,
            cwd=environment["PYTHONPATH"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def test_it_takes_one_and_says_so(self, cluster: ClusterApi, tmp_path: Path) -> None:
        finished = self.run("scheduled", self.environment(cluster, tmp_path))
        assert finished.returncode == 0, finished.stderr
        (one,) = names.sets(cluster.all("volumesnapshots"))
        assert f"Snapshot {one.name} is ready" in finished.stdout
        assert finished.stderr == ""
        assert abs(one.taken - datetime.now(UTC)) < timedelta(minutes=1)

    def test_a_person_asks(self, cluster: ClusterApi, tmp_path: Path) -> None:
        finished = self.run("take", self.environment(cluster, tmp_path, WHY="To be sure.", BY="kim"))
        assert finished.returncode == 0, finished.stderr
        (one,) = names.sets(cluster.all("volumesnapshots"))
        assert (one.reason, one.why, one.by) == ("by-hand", "To be sure.", "kim")

    def test_an_upgrade(self, cluster: ClusterApi, tmp_path: Path) -> None:
        assert self.run("pre-upgrade", self.environment(cluster, tmp_path, IMAGE=NEW)).returncode == 0
        again = self.run("pre-upgrade", self.environment(cluster, tmp_path, IMAGE=OLD))
        assert again.returncode == 0
        assert again.stdout == f"{OLD} runs already: there is nothing to take.\n"
        assert len(taken(cluster)) == 2

    def test_a_failure_is_one_line_and_an_event(self, cluster: ClusterApi, tmp_path: Path) -> None:
        cluster.on_create = waiting
        finished = self.run("scheduled", self.environment(cluster, tmp_path))
        assert finished.returncode == 1
        (line,) = finished.stderr.splitlines()
        assert line.startswith("no snapshot was taken: snapshot glm-tts-v1.0.0-")
        said = {
            (item["involvedObject"]["kind"], item["type"], item["reason"]) for item in cluster.all("events")
        }
        assert said == {("Job", "Warning", "SnapshotFailed"), ("CronJob", "Warning", "SnapshotFailed")}

    def test_a_failure_says_what_there_is_to_go_back_to(self, cluster: ClusterApi, tmp_path: Path) -> None:
        snapshot_of(cluster, "yesterday", "outputs")
        cluster.on_create = waiting
        self.run("scheduled", self.environment(cluster, tmp_path))
        assert event_of(cluster, "CronJob")["message"].endswith(
            "The last good one is yesterday, taken 2025-12-01 00:00 UTC."
        )

    def test_a_restore_that_cannot_be_is_one_line_and_an_event(
        self, cluster: ClusterApi, tmp_path: Path
    ) -> None:
        environment = self.environment(cluster, tmp_path, IMAGE=NEW, RESTORE="s", CLAIMS="outputs=outputs-s")
        finished = self.run("pre-upgrade", environment)
        assert finished.returncode == 1
        assert finished.stderr == (
            "nothing was restored: tts-platform:restoreFrom: s has no outputs to restore: "
            "write a snapshot that the list of snapshots shows.\n"
        )
        assert event_of(cluster, "Job")["reason"] == "NotRestorable"

    @pytest.mark.parametrize("claims", ["", "outputs", "outputs=a,", "=a"])
    def test_claims_that_are_none_are_refused(self, cluster: ClusterApi, tmp_path: Path, claims: str) -> None:
        environment = self.environment(cluster, tmp_path, IMAGE=NEW, CLAIMS=claims)
        finished = self.run("pre-upgrade", environment)
        assert (finished.returncode, finished.stderr.count("\n")) == (1, 1)
        assert "CLAIMS is" in finished.stderr

    def test_what_is_missing_is_named(self, cluster: ClusterApi, tmp_path: Path) -> None:
        environment = self.environment(cluster, tmp_path)
        del environment["KEPT"], environment["CLAIMS"]
        finished = self.run("pre-upgrade", environment)
        assert finished.returncode == 1
        assert finished.stderr == "no snapshot was taken: not in the environment: KEPT, IMAGE, CLAIMS\n"

    @pytest.mark.parametrize(("what", "left"), [("scheduled", 2), ("take", 0)])
    def test_a_pod_that_is_stopped(self, cluster: ClusterApi, tmp_path: Path, what: str, left: int) -> None:
        cluster.on_create = waiting
        process = self.started(
            cluster,
            tmp_path,
            what,
            until=lambda: any("labelSelector=tts" in said for said in cluster.requests),
        )
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=20)
        assert process.returncode == 1
        assert said == "no snapshot was taken: it was stopped\n"
        assert len(taken(cluster)) == left, (
            "another pod goes on with a schedule's, and nobody with a person's"
        )

    def test_a_killed_one_leaves_nothing_that_looks_good(self, cluster: ClusterApi, tmp_path: Path) -> None:
        stuck: list[bool] = []

        def first_only(method: str, path: str) -> int | None:
            # The second volume's request is the one that never arrives.
            if method == "POST" and path.endswith("volumesnapshots") and taken(cluster):
                stuck.append(True)
                return 503
            return None

        cluster.broken = first_only
        process = self.started(cluster, tmp_path, "scheduled", until=lambda: bool(stuck))
        process.kill()
        process.communicate(timeout=20)
        (one,) = names.sets(cluster.all("volumesnapshots"))
        assert list(one.objects) == ["outputs"]
        assert one.objects["outputs"]["status"]["readyToUse"]
        assert one.state(datetime.now(UTC)) is State.UNDER_WAY
        cluster.broken = lambda _method, _path: None
        assert self.run("scheduled", self.environment(cluster, tmp_path)).returncode == 0
        assert len(taken(cluster)) == 3, "what may still be under way is left alone"

    def started(
        self, cluster: ClusterApi, home: Path, what: str, until: Callable[[], bool] | None = None
    ) -> "subprocess.Popen[str]":
        environment = self.environment(cluster, home, SECONDS="60", WHY="", BY="kim")
        process = subprocess.Popen(
            [sys.executable, "-S", "-m", "components.tts.snapshot_job", what],
            env=environment,
            cwd=home,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + 20
        while not (until() if until else len(taken(cluster)) == 2):
            assert time.monotonic() < deadline, "it does not begin"
            time.sleep(0.02)
        return process

    def test_the_pods_status_says_what_became_of_it(
        self, cluster: ClusterApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(signal, "signal", lambda *_: None)
        log = tmp_path / "termination-log"
        log.touch()
        environment = {**os.environ, **self.environment(cluster, tmp_path)}
        assert command.main(["scheduled"], environment, log) == 0
        (one,) = names.sets(cluster.all("volumesnapshots"))
        assert log.read_text() == one.name
        cluster.on_create = waiting
        assert command.main(["scheduled"], environment, log) == 1
        assert log.read_text().startswith("no snapshot was taken: snapshot glm-tts-")

    def test_it_needs_nothing_else_of_the_project(self, cluster: ClusterApi, tmp_path: Path) -> None:
        environment = self.environment(cluster, tmp_path)
        assert not list((tmp_path / "components").glob("*.py")), "the pod has these files and no others"
        assert self.run("elsewhere", environment).stderr.startswith("usage: ")
