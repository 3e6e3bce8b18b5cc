"""Snapshots, restores and the audit log, with the commands that a person gives."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from components.tts.snapshot_job import names
from local.paths import CHECKOUT
from ops.audit import AuditLog, Entry
from ops.workspace import embedded
from tests.cluster.conftest import speaks
from tests.cluster.deployed import Deployed
from tests.cluster.door import SENTENCE, Door
from tests.cluster.running import NAMESPACE, SPEECH, Measured, Running, eventually
from tests.cluster.started import add_images

IMAGE = "localhost/tts-platform/espeak"
RESTORES = int(os.environ.get("TTS_RESTORES", "1"))
"""In a row. For a table: TTS_RESTORES=20."""

PATIENCE = 120
_GROUP = ("snapshot.storage.k8s.io", "v1")

# Two GiB and many small files, as a few weeks of speech are.
FILL = """
import os, pathlib
home = pathlib.Path("/outputs/bulk")
home.mkdir()
for number in range(64):
    (home / f"{number:03}.wav").write_bytes(os.urandom(2**15) * 2**10)
for number in range(500):
    (home / f"small-{number:03}.txt").write_text(f"utterance {number}" * number)
os.sync()
"""

SUMS = """
import hashlib, os
for directory, _, files in sorted(os.walk("/outputs")):
    for name in sorted(files):
        if name != "log":
            path = os.path.join(directory, name)
            with open(path, "rb") as file:
                print(hashlib.file_digest(file, "sha256").hexdigest(), path)
"""

REMOVE = """
import os, shutil
for name in os.listdir("/outputs"):
    path = os.path.join("/outputs", name)
    shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
print(sorted(os.listdir("/outputs")))
"""

# Each line is on the disk before the next is begun.
WRITE = """
import os, time
file = os.open("/outputs/log", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
end = time.monotonic() + 50
number = 0
while time.monotonic() < end and os.path.exists("/outputs/log"):
    os.write(file, f"{number}\\n".encode())
    os.fsync(file)
    number += 1
"""

LOG = 'print(open("/outputs/log").read())'


@dataclass(frozen=True)
class Person:
    """Who gives commands in a terminal; the tests' stack is the local one of their machine."""

    running: Running
    home: Path

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        environment = {**os.environ, "XDG_STATE_HOME": str(self.home), "COLUMNS": "240"}
        return subprocess.Popen(
            [sys.executable, "-m", "ops", *arguments, "--name", self.running.cluster.name],
            cwd=CHECKOUT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def tries(self, *arguments: str) -> tuple[int, str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=300)
        return process.returncode, out if process.returncode == 0 else err

    def does(self, *arguments: str) -> str:
        code, said = self.tries(*arguments)
        assert code == 0, said
        return said.strip()

    def takes(self, why: str) -> str:
        return self.does("snapshots", "take", "local", "--why", why)

    def restores(self, snapshot: str, *more: str) -> str:
        return self.does("snapshots", "restore", "local", snapshot, "--yes", "--why", "a test", *more)

    def listed(self) -> dict[str, dict[str, Any]]:
        found = json.loads(self.does("snapshots", "list", "local", "--json"))
        return {item["name"]: item for item in found}


@pytest.fixture(scope="module")
def person(running: Running, deployed: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Person:
    add_images(running.cluster, Path(__file__).with_name("images.toml"))
    home = tmp_path_factory.mktemp("state")
    place = home / embedded(running.cluster.name).directory.relative_to(_state_home())
    place.parent.mkdir(parents=True)
    place.symlink_to(deployed.workspace.directory)
    # Room for what is filled in below.
    deployed.workspace.settle({"outputsSize": "4Gi"})
    deployed.up()
    return Person(running, home)


def _state_home() -> Path:
    return embedded("any").directory.parents[3]


def sums(running: Running) -> dict[str, str]:
    lines = running.python(running.speech_pod(), "speech", SUMS).splitlines()
    return {path: digest for digest, path in (line.split(" ", 1) for line in lines)}


def mounted(running: Running) -> str:
    """The claim of the one ready pod."""
    (volume,) = [item for item in running.speech_pod().spec.volumes if item.name == "outputs"]
    claim: str = volume.persistent_volume_claim.claim_name
    return claim


def one_pod(running: Running) -> None:
    eventually(lambda: len(running.all_pods(NAMESPACE, SPEECH)) == 1, PATIENCE, "the old pod has ended")


def test_what_was_deleted_is_back(
    running: Running, person: Person, any_door: Door, measured: Measured
) -> None:
    one_pod(running)
    with any_door.client() as voice:
        voice.say(SENTENCE).raise_for_status()
    running.python(running.speech_pod(), "speech", FILL)
    before = sums(running)
    assert len(before) > 560, "there is something to lose"
    snapshot = measured.timed("a snapshot of 2 GiB, by hand", lambda: person.takes("before somebody slips"))
    assert running.python(running.speech_pod(), "speech", REMOVE) == "[]"
    old = mounted(running)

    seconds = []
    for turn in range(RESTORES):
        former = mounted(running)
        started = time.monotonic()
        person.restores(snapshot)
        eventually(lambda: speaks(any_door), PATIENCE, "the service speaks")
        seconds.append(time.monotonic() - started)
        one_pod(running)
        assert mounted(running) != old, "the pod still has the volume that was emptied"
        assert sums(running) == before, f"restore {turn + 1}: a file is not what it was"
        running.python(running.speech_pod(), "speech", REMOVE)
        if former != old:
            # As a person does with one that nobody needs any more.
            running.core.delete_namespaced_persistent_volume_claim(former, NAMESPACE)
    measured.record(f"restore until it speaks, shortest of {RESTORES}", min(seconds))
    measured.record(f"restore until it speaks, median of {RESTORES}", sorted(seconds)[len(seconds) // 2])
    measured.record(f"restore until it speaks, longest of {RESTORES}", max(seconds))
    claims = running.core.list_namespaced_persistent_volume_claim(NAMESPACE).items
    assert {"outputs", old} <= {item.metadata.name for item in claims}, "the old volumes stay"


def test_a_snapshot_is_of_one_moment_while_the_pod_writes(running: Running, person: Person) -> None:
    pod = running.speech_pod()
    with _writing(running, pod):
        eventually(lambda: _written(running, pod) > 50, 30, "the pod writes")
        least = _written(running, pod)
        snapshot = person.takes("while it writes")
        most = _written(running, pod)
        assert most > least, "it wrote throughout"
        running.python(pod, "speech", REMOVE)
    person.restores(snapshot)
    one_pod(running)
    lines = running.python(running.speech_pod(), "speech", LOG).split()
    assert lines == [str(number) for number in range(len(lines))], "a line is torn, or missing"
    assert least <= len(lines) <= most, "it is of the moment when it was taken"


@contextmanager
def _writing(running: Running, pod: Any) -> Iterator[None]:
    writer = threading.Thread(target=running.python, args=(pod, "speech", WRITE), daemon=True)
    writer.start()
    yield
    writer.join(60)


def _written(running: Running, pod: Any) -> int:
    return len(running.python(pod, "speech", LOG).split())


def test_without_the_key_the_first_volume_serves_and_nothing_is_thrown_away(
    running: Running, person: Person, deployed: Deployed
) -> None:
    restored = mounted(running)
    before = sums(running)
    key = _restore_from(deployed)
    deployed.workspace.settle({"restoreFrom": None})
    deployed.up()
    one_pod(running)
    assert mounted(running) == "outputs"
    # As the schedule does in its turn.
    _deleted(running, key.partition("@")[0])
    assert running.core.read_namespaced_persistent_volume_claim(restored, NAMESPACE).status.phase == "Bound"
    deployed.workspace.settle({"restoreFrom": key})
    deployed.up()
    one_pod(running)
    assert mounted(running) == restored
    assert sums(running) == before, "the same volume, and not a new one of the same snapshot"
    assert key.partition("@")[0] not in person.listed(), "its snapshot is not needed for that"
    assert person.listed(), "the other snapshots are still there too"


def _deleted(running: Running, snapshot: str) -> None:
    client.CustomObjectsApi(running.api).delete_namespaced_custom_object(
        *_GROUP, NAMESPACE, "volumesnapshots", names.object_name(snapshot, "outputs")
    )
    eventually(
        lambda: (
            snapshot not in {item["metadata"]["labels"].get(names.SNAPSHOT) for item in _snapshots(running)}
        ),
        PATIENCE,
        "the snapshot is gone",
    )


def _restore_from(deployed: Deployed) -> str:
    match = re.search(r"restoreFrom: (\S+)", deployed.workspace.config_file.read_text())
    assert match is not None, "the last test restored"
    return match[1]


def test_an_upgrade_begins_with_a_snapshot(running: Running, person: Person, deployed: Deployed) -> None:
    deployed.change(image=f"{IMAGE}:1.0.1")
    taken = person.listed()["pre-upgrade-1.0.1"]
    assert taken["state"] == names.State.GOOD
    (item,) = [
        item for item in _snapshots(running) if item["metadata"]["name"] == "pre-upgrade-1.0.1-outputs"
    ]
    assert item["metadata"]["annotations"][names.IMAGE] == f"{IMAGE}:1.0.0", (
        "what ran, and not what is to run"
    )
    one_pod(running)
    born = running.speech_pod().metadata.creation_timestamp
    job = client.BatchV1Api(running.api).read_namespaced_job("pre-upgrade", NAMESPACE)
    assert job.status.completion_time <= born, "the new version was there before the snapshot was ready"


def test_data_and_image_come_back_together(running: Running, person: Person, deployed: Deployed) -> None:
    # The way back from a bad version is open where no snapshot can be taken, and waits for none.
    before = person.listed().keys()
    with no_snapshots(running):
        person.restores("pre-upgrade-1.0.1", "--with-image")
    assert person.listed().keys() == before, "the old version never touches what the bad one left"
    # The restore has decided it anew.
    del deployed.settings["image"]
    one_pod(running)
    assert running.speech_pod().spec.containers[0].image == f"{IMAGE}:1.0.0"
    assert mounted(running) == "outputs-pre-upgrade-1.0.1"


def test_an_upgrade_without_a_snapshot_does_not_begin(
    running: Running, person: Person, deployed: Deployed, any_door: Door
) -> None:
    old = running.speech_pod().metadata.uid
    before = dict(deployed.settings)
    deployed.settings = {**before, "image": f"{IMAGE}:1.0.1"}
    with no_snapshots(running):
        run = deployed.pulumi("up", "--yes", "--skip-preview")
        assert run.returncode != 0, "an upgrade that cannot be taken back"
        assert "pre-upgrade" in run.stdout + run.stderr
        assert [pod.metadata.uid for pod in running.ready_pods(NAMESPACE, SPEECH)] == [old]
        assert speaks(any_door)
    # What was in the way is gone: the same command goes on.
    deployed.up()
    one_pod(running)
    assert running.speech_pod().spec.containers[0].image == f"{IMAGE}:1.0.1"
    deployed.settings = before
    deployed.up()
    assert any(name.startswith("pre-upgrade-1.0.1-") for name in person.listed()), "one of its own"


@contextmanager
def no_snapshots(running: Running) -> Iterator[None]:
    """The class of the snapshots is gone for a while, so that none can be taken."""
    objects = client.CustomObjectsApi(running.api)
    found = objects.get_cluster_custom_object(*_GROUP, "volumesnapshotclasses", f"{NAMESPACE}-snapshots")
    objects.delete_cluster_custom_object(*_GROUP, "volumesnapshotclasses", f"{NAMESPACE}-snapshots")
    try:
        yield
    finally:
        for field in ("resourceVersion", "uid", "creationTimestamp", "generation", "managedFields"):
            found["metadata"].pop(field, None)
        objects.create_cluster_custom_object(*_GROUP, "volumesnapshotclasses", found)


class TestRefused:
    """Each before anything changes: the old data is served throughout."""

    @pytest.fixture(autouse=True)
    def _as_before(self, running: Running, any_door: Door) -> Iterator[None]:
        pod, claim = running.speech_pod().metadata.uid, mounted(running)
        yield
        assert (running.speech_pod().metadata.uid, mounted(running)) == (pod, claim)
        assert speaks(any_door)

    def refused(self, person: Person, snapshot: str) -> str:
        code, said = person.tries("snapshots", "restore", "local", snapshot, "--yes")
        assert code == 1, "it was not refused"
        assert len(said.strip().splitlines()) == 1, f"one line, and no traceback: {said}"
        return said

    def test_one_that_is_not_there(self, person: Person) -> None:
        assert "There is no snapshot nowhere" in self.refused(person, "nowhere")

    def test_one_that_is_not_ready(self, running: Running, person: Person) -> None:
        with _snapshot(running, "half", stack="local", snapshot_class="no-such-class"):
            said = self.refused(person, "half")
        assert "half is" in said

    def test_another_stacks(self, running: Running, person: Person) -> None:
        with _snapshot(running, "foreign", stack="prod", snapshot_class=f"{NAMESPACE}-snapshots"):
            assert "is of stack prod" in self.refused(person, "foreign")

    def test_one_that_is_too_big(self, running: Running, person: Person) -> None:
        _claim(running, "large", "5Gi")
        with _snapshot(
            running,
            "large",
            stack="local",
            snapshot_class=f"{NAMESPACE}-snapshots",
            claim="large",
            ready=True,
        ):
            assert "set outputsSize to" in self.refused(person, "large")
        running.core.delete_namespaced_pod("large", NAMESPACE, grace_period_seconds=0)
        running.core.delete_namespaced_persistent_volume_claim("large", NAMESPACE)

    def test_one_that_is_deleted_while_a_person_reads(self, running: Running, person: Person) -> None:
        snapshot = person.takes("to be deleted meanwhile")
        process = person.start("snapshots", "restore", "local", snapshot, "--why", "a test")
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("  stays"):
                break
        _deleted(running, snapshot)
        _, err = process.communicate("y\n", timeout=PATIENCE)
        assert process.returncode == 1, "it was not refused"
        assert f"There is no snapshot {snapshot}" in err
        assert "Traceback" not in err

    def test_one_that_is_deleted_before_the_update(
        self, running: Running, person: Person, deployed: Deployed
    ) -> None:
        snapshot = person.takes("to be deleted before the update")
        _deleted(running, snapshot)
        said = self.refused_as_a_key(deployed, snapshot)
        assert f"{snapshot} has no outputs to restore" in said
        claims = running.core.list_namespaced_persistent_volume_claim(NAMESPACE).items
        assert f"outputs-{snapshot}" not in {item.metadata.name for item in claims}, (
            "a claim of nothing waits for ever"
        )

    def test_while_another_command_works(self, person: Person, deployed: Deployed) -> None:
        snapshot = next(iter(person.listed()))
        with deployed.workspace.locked():
            assert "Another command works" in self.refused(person, snapshot)

    def test_by_a_person_who_writes_the_key(self, running: Running, deployed: Deployed) -> None:
        with _snapshot(running, "foreign", stack="prod", snapshot_class=f"{NAMESPACE}-snapshots", ready=True):
            assert "is of stack prod" in self.refused_as_a_key(deployed, "foreign")

    def refused_as_a_key(self, deployed: Deployed, snapshot: str) -> str:
        before = dict(deployed.settings)
        deployed.settings = {**before, "restoreFrom": snapshot}
        run = deployed.pulumi("up", "--yes", "--skip-preview")
        deployed.settings = before
        assert run.returncode != 0, "it was not refused"
        deployed.up()
        return run.stdout + run.stderr


def test_a_restore_that_is_killed_half_way_can_be_done_again(
    running: Running, person: Person, any_door: Door
) -> None:
    snapshot = person.takes("to be killed")
    before = sums(running)
    process = person.start("snapshots", "restore", "local", snapshot, "--yes")
    claim = f"outputs-{snapshot}"
    eventually(lambda: _there(running, claim), 60, "the new claim is there")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert speaks(any_door), "the old data is served"
    person.restores(snapshot)
    one_pod(running)
    assert mounted(running).startswith(claim)
    assert sums(running) == before


def _there(running: Running, claim: str) -> bool:
    claims = running.core.list_namespaced_persistent_volume_claim(NAMESPACE).items
    return claim in {item.metadata.name for item in claims}


WHO = f"system:serviceaccount:{NAMESPACE}:snapshots"
GROUPS = ["system:serviceaccounts", f"system:serviceaccounts:{NAMESPACE}", "system:authenticated"]

MAY = {
    ("snapshot.storage.k8s.io", "volumesnapshots"): {"get", "list", "create", "delete"},
    ("", "persistentvolumeclaims"): {"list"},
    ("", "pods"): {"list"},
    ("", "events"): {"create"},
}
"""Without those that are for one name."""

NAMED = {("apps", "deployments", "speech"), ("batch", "cronjobs", "snapshots")}

OTHERS = {
    ("", "secrets"),
    ("", "configmaps"),
    ("", "pods/exec"),
    ("", "persistentvolumes"),
    ("", "nodes"),
    ("", "namespaces"),
    ("apps", "deployments"),
    ("batch", "jobs"),
    ("batch", "cronjobs"),
    ("rbac.authorization.k8s.io", "rolebindings"),
    ("rbac.authorization.k8s.io", "clusterrolebindings"),
    ("snapshot.storage.k8s.io", "volumesnapshotcontents"),
    ("snapshot.storage.k8s.io", "volumesnapshotclasses"),
}

VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")


class TestRights:
    """What the API server lets the program do that takes snapshots."""

    @pytest.mark.parametrize("verb", VERBS)
    def test_in_its_namespace_what_it_needs_and_nothing_else(self, running: Running, verb: str) -> None:
        asked = OTHERS | MAY.keys()
        allowed = {what for what in asked if _may(running, verb, *what, NAMESPACE)}
        assert allowed == {what for what, verbs in MAY.items() if verb in verbs}

    @pytest.mark.parametrize("verb", VERBS)
    def test_elsewhere_nothing(self, running: Running, verb: str) -> None:
        # No namespace is all of them, and what is in none.
        for namespace in ("default", "kube-system", ""):
            assert not {what for what in OTHERS | MAY.keys() if _may(running, verb, *what, namespace)}

    @pytest.mark.parametrize("what", sorted(NAMED))
    def test_of_one_object_by_its_name(self, running: Running, what: tuple[str, str, str]) -> None:
        group, resource, name = what
        allowed = {verb for verb in VERBS if _may(running, verb, group, resource, NAMESPACE, name)}
        assert allowed == {"get"}
        assert not _may(running, "get", group, resource, NAMESPACE, "another")


def _may(
    running: Running, verb: str, group: str, resource: str, namespace: str, name: str | None = None
) -> bool:
    kind, _, part = resource.partition("/")
    attributes = client.V1ResourceAttributes(
        verb=verb, group=group, resource=kind, subresource=part or None, namespace=namespace, name=name
    )
    review = client.V1SubjectAccessReview(
        spec=client.V1SubjectAccessReviewSpec(user=WHO, groups=GROUPS, resource_attributes=attributes)
    )
    answer = client.AuthorizationV1Api(running.api).create_subject_access_review(review)
    return bool(answer.status.allowed)


def test_the_schedule_takes_one(running: Running, person: Person) -> None:
    batch = client.BatchV1Api(running.api)
    template = batch.read_namespaced_cron_job("snapshots", NAMESPACE).spec.job_template
    job = client.V1Job(metadata=client.V1ObjectMeta(name="today"), spec=template.spec)
    before = set(person.listed())
    batch.create_namespaced_job(NAMESPACE, job)
    eventually(
        lambda: batch.read_namespaced_job("today", NAMESPACE).status.succeeded, PATIENCE, "the run ends well"
    )
    (name,) = set(person.listed()) - before
    assert re.fullmatch(r"espeak-v1\.0\.0-\d{8}-\d{4}(-\d+)?", name)
    assert person.listed()[name]["reason"] == names.Reason.SCHEDULED
    events = running.core.list_namespaced_event(NAMESPACE).items
    assert any(
        event.reason == "SnapshotTaken" and event.involved_object.name == "today" for event in events
    ), "somebody who looks sees when"
    batch.delete_namespaced_job("today", NAMESPACE, propagation_policy="Background")


def test_what_only_the_storage_has_is_pruned_by_a_person(running: Running, person: Person) -> None:
    snapshot = person.takes("to be retained")
    objects = client.CustomObjectsApi(running.api)
    name = names.object_name(snapshot, "outputs")
    content = objects.get_namespaced_custom_object(*_GROUP, NAMESPACE, "volumesnapshots", name)["status"][
        "boundVolumeSnapshotContentName"
    ]
    # As prod's class has it.
    objects.patch_cluster_custom_object(
        *_GROUP, "volumesnapshotcontents", content, {"spec": {"deletionPolicy": "Retain"}}
    )
    _deleted(running, snapshot)
    orphans = json.loads(person.does("snapshots", "list", "local", "--orphans", "--json"))
    assert content in {orphan["content"] for orphan in orphans}, "nobody knows what it costs"
    person.does("snapshots", "prune", "local", "--older-than", "1", "--yes")
    assert _contents(running, content), "it is of today"
    person.does("snapshots", "prune", "local", "--older-than", "0", "--yes", "--why", "the bill")
    # The driver's sidecar lets go of it once the storage has deleted it.
    eventually(lambda: not _contents(running, content), PATIENCE, "the storage has deleted it")
    assert "pruned" in {entry["what"] for entry in json.loads(person.does("audit", "local", "--json"))}


def _contents(running: Running, name: str) -> list[str]:
    found = client.CustomObjectsApi(running.api).list_cluster_custom_object(*_GROUP, "volumesnapshotcontents")
    return [item["metadata"]["name"] for item in found["items"] if item["metadata"]["name"] == name]


class TestAudit:
    WRITERS, EACH = 10, 20

    def test_ten_writers_at_once_lose_and_reorder_nothing(self, running: Running) -> None:
        log = AuditLog(running.core, NAMESPACE)
        before = len(log.entries())
        now = time.time_ns()

        def write(writer: int) -> None:
            own = AuditLog(client.CoreV1Api(running.api), NAMESPACE)
            for number in range(self.EACH):
                own.append(Entry(what="pinned", who=f"writer-{now}-{writer}", why=str(number)))

        with ThreadPoolExecutor(self.WRITERS) as pool:
            list(pool.map(write, range(self.WRITERS)))
        entries = log.entries()
        assert [entry.number for entry in entries] == list(range(1, len(entries) + 1))
        assert len(entries) == before + self.WRITERS * self.EACH
        for writer in range(self.WRITERS):
            own = [int(entry.why) for entry in entries if entry.who == f"writer-{now}-{writer}"]
            assert own == list(range(self.EACH))

    def test_nobody_changes_an_entry(self, running: Running) -> None:
        for body in ({"data": {"000001": "{}"}}, {"data": {"000001": None}}):
            with pytest.raises(ApiException) as refused:
                running.core.patch_namespaced_config_map("audit-00001", NAMESPACE, body)
            assert refused.value.status in (403, 422)
            assert "entries are only ever added" in refused.value.body

    def test_nor_deletes_the_log(self, running: Running) -> None:
        with pytest.raises(ApiException) as refused:
            running.core.delete_namespaced_config_map("audit-00001", NAMESPACE)
        assert "stays for as long as its namespace" in refused.value.body

    def test_a_person_reads_it(self, person: Person) -> None:
        entries = json.loads(person.does("audit", "local", "--json"))
        assert "restored" in {entry["what"] for entry in entries}
        assert all(entry["at"] and entry["who"] for entry in entries)


def _snapshots(running: Running) -> list[dict[str, Any]]:
    objects = client.CustomObjectsApi(running.api)
    found: list[dict[str, Any]] = objects.list_namespaced_custom_object(
        *_GROUP, NAMESPACE, "volumesnapshots"
    )["items"]
    return found


@contextmanager
def _snapshot(
    running: Running,
    name: str,
    *,
    stack: str,
    snapshot_class: str,
    claim: str = "outputs",
    ready: bool = False,
) -> Iterator[None]:
    """A VolumeSnapshot that is not one of the program's own."""
    objects = client.CustomObjectsApi(running.api)
    wanted = names.object_name(name, "outputs")
    body = {
        "apiVersion": "/".join(_GROUP),
        "kind": "VolumeSnapshot",
        "metadata": {
            "name": wanted,
            "labels": {names.SNAPSHOT: name, names.VOLUME: "outputs", names.STACK: stack},
        },
        "spec": {
            "volumeSnapshotClassName": snapshot_class,
            "source": {"persistentVolumeClaimName": claim},
        },
    }
    objects.create_namespaced_custom_object(*_GROUP, NAMESPACE, "volumesnapshots", body)
    try:
        if ready:
            eventually(
                lambda: (
                    objects.get_namespaced_custom_object(*_GROUP, NAMESPACE, "volumesnapshots", wanted)
                    .get("status", {})
                    .get("readyToUse")
                ),
                PATIENCE,
                "the snapshot is ready",
            )
        yield
    finally:
        objects.delete_namespaced_custom_object(*_GROUP, NAMESPACE, "volumesnapshots", wanted)


def _claim(running: Running, name: str, size: str) -> None:
    """A claim with a volume: a pod has mounted it."""
    claim = {
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}},
    }
    running.core.create_namespaced_persistent_volume_claim(NAMESPACE, claim)
    pod = {
        "metadata": {"name": name},
        "spec": {
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65534,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "pause",
                    "image": "localhost/tts-platform/pause:1.0.0",
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                    "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                }
            ],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": name}}],
        },
    }
    running.core.create_namespaced_pod(NAMESPACE, pod)
    eventually(
        lambda: running.core.read_namespaced_persistent_volume_claim(name, NAMESPACE).status.phase == "Bound",
        PATIENCE,
        "the claim is bound",
    )
