"""Volumes of the embedded cluster keep to their size, and their snapshots are whole and of one moment."""

import hashlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException
from rich.console import Console

from local.cluster import lifecycle, processes
from tests.cluster import faults
from tests.cluster.running import Running, eventually, is_ready

NAME = "spare"
NAMESPACE = "volumes"
DRIVER = "btrfs.csi.tts-platform.local"
IMAGE = "localhost/tts-platform/debian:12.0.0"
USER = 10001
PATIENCE = 120
MIB = 2**20

SNAPSHOTS = {"group": "snapshot.storage.k8s.io", "version": "v1"}

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 and not os.environ.get("CI"),
    reason="the embedded cluster needs root: run sudo make test",
)

FILL = """
import errno, os, sys
written = 0
with open("/data/filling", "wb", buffering=0) as file:
    try:
        while written < int(sys.argv[1]):
            written += file.write(bytes(2**20))
            os.fsync(file.fileno())
        print(written)
    except OSError as error:
        print(written, errno.errorcode[error.errno])
os.remove("/data/filling")
os.sync()
"""

PUT = """
import os, pathlib, sys
for number in range(int(sys.argv[1])):
    file = pathlib.Path("/data", f"directory-{number % 7}", f"file-{number}")
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(os.urandom(number * 997))
"""

SUMS = """
import hashlib, json, pathlib, sys
home = pathlib.Path(sys.argv[1])
files = (file for file in sorted(home.rglob("*")) if file.is_file())
print(json.dumps({str(f.relative_to(home)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}))
"""

RECORD = """
import os
files = [os.open(f"/data/{name}", os.O_WRONLY | os.O_CREAT | os.O_APPEND) for name in ("first", "second", "third")]
number = 0
while True:
    for file in files:
        os.write(file, b"%012d\\n" % number)
        os.fsync(file)
    number += 1
"""

RECORDED = """
import json, pathlib, sys
answer = {}
for home in sys.argv[1:]:
    counts = []
    for name in ("first", "second", "third"):
        lines = pathlib.Path(home, name).read_text().splitlines(keepends=True)
        assert lines == ["%012d\\n" % number for number in range(len(lines))], f"{home}/{name}"
        counts.append(len(lines))
    answer[home] = counts
print(json.dumps(answer))
"""


@dataclass(frozen=True)
class Storage:
    """Claims, pods and snapshots of one namespace, and the file system below them."""

    running: Running
    made: set[str] = field(default_factory=set[str])

    @cached_property
    def custom(self) -> client.CustomObjectsApi:
        return client.CustomObjectsApi(self.running.api)

    def claim(self, name: str, mebibytes: int, snapshot: str | None = None) -> str:
        spec: dict[str, Any] = {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": f"{mebibytes}Mi"}},
        }
        if snapshot is not None:
            spec["dataSource"] = {
                "apiGroup": SNAPSHOTS["group"],
                "kind": "VolumeSnapshot",
                "name": snapshot,
            }
        body = {"metadata": {"name": name}, "spec": spec}
        self.running.core.create_namespaced_persistent_volume_claim(NAMESPACE, body)
        return name

    def pod(self, name: str, program: str = "", **mounts: str) -> Any:
        """A ready pod with these claims below /, each at its name; it runs the program, or waits."""
        command = ["python3", "-c", program] if program else ["sleep", "infinity"]
        body = {
            "metadata": {"name": name},
            "spec": {
                "terminationGracePeriodSeconds": 0,
                "tolerations": [{"operator": "Exists"}],
                "securityContext": {"runAsUser": USER, "runAsGroup": USER, "fsGroup": USER},
                "containers": [
                    {
                        "name": "main",
                        "image": IMAGE,
                        "imagePullPolicy": "IfNotPresent",
                        "command": command,
                        "volumeMounts": [{"name": at, "mountPath": f"/{at}"} for at in mounts],
                    }
                ],
                "volumes": [
                    {"name": at, "persistentVolumeClaim": {"claimName": claim}}
                    for at, claim in mounts.items()
                ],
            },
        }
        self.running.core.create_namespaced_pod(NAMESPACE, body)
        return eventually(lambda: self._ready(name), PATIENCE, f"pod {name} runs with its volumes")

    def _ready(self, name: str) -> Any:
        pod = self.running.core.read_namespaced_pod(name, NAMESPACE, _request_timeout=10)
        return pod if is_ready(pod) else None

    def python(self, pod: Any, program: str, *arguments: str) -> str:
        return self.running.python(pod, "main", program, *arguments)

    def sums(self, pod: Any, at: str) -> dict[str, str]:
        answer: dict[str, str] = json.loads(self.python(pod, SUMS, at))
        return answer

    def ask_for_snapshot(self, name: str, claim: str) -> str:
        body = {
            "apiVersion": f"{SNAPSHOTS['group']}/{SNAPSHOTS['version']}",
            "kind": "VolumeSnapshot",
            "metadata": {"name": name},
            "spec": {"volumeSnapshotClassName": NAMESPACE, "source": {"persistentVolumeClaimName": claim}},
        }
        self.custom.create_namespaced_custom_object(
            **SNAPSHOTS, namespace=NAMESPACE, plural="volumesnapshots", body=body
        )
        return name

    def snapshot(self, name: str, claim: str) -> str:
        self.ask_for_snapshot(name, claim)
        eventually(lambda: name in self.ready_snapshots(), PATIENCE, f"snapshot {name} is ready")
        return name

    def ready_snapshots(self) -> dict[str, Path]:
        """The snapshots that Kubernetes calls ready, and where their files are."""
        listed = self.custom.list_namespaced_custom_object(
            **SNAPSHOTS, namespace=NAMESPACE, plural="volumesnapshots"
        )["items"]
        contents = self.custom.list_cluster_custom_object(**SNAPSHOTS, plural="volumesnapshotcontents")
        handles = {
            item["metadata"]["name"]: item["status"]["snapshotHandle"]
            for item in contents["items"]
            if item.get("status", {}).get("snapshotHandle")
        }
        found = {}
        for item in listed:
            status = item.get("status", {})
            if status.get("readyToUse"):
                handle = handles[status["boundVolumeSnapshotContentName"]]
                found[item["metadata"]["name"]] = self.pool / "snapshots" / handle / "data"
        return found

    @property
    def supervisor(self) -> int:
        first = processes.init(self.running.cluster)
        assert first is not None, "the cluster runs"
        return first.children()[0].pid

    @property
    def pool(self) -> Path:
        """The file system with all volumes, which only the cluster's own processes have mounted."""
        return Path(f"/proc/{self.supervisor}/root{self.running.cluster.volumes}")

    def subvolumes(self) -> set[str]:
        listing = ["btrfs", "subvolume", "list", str(self.running.cluster.volumes)]
        within = ["nsenter", f"--target={self.supervisor}", "--mount", *listing]
        run = subprocess.run(within, capture_output=True, text=True, check=True)
        return {line.rpartition(" path ")[2] for line in run.stdout.splitlines()}


@pytest.fixture(scope="module")
def storage() -> Iterator[Storage]:
    console = Console(quiet=True)
    lifecycle.down(NAME, console)
    running = Running(lifecycle.up(NAME, 0, console))
    running.core.create_namespace({"metadata": {"name": NAMESPACE}})
    found = Storage(running)
    snapshot_class = {
        "apiVersion": f"{SNAPSHOTS['group']}/{SNAPSHOTS['version']}",
        "kind": "VolumeSnapshotClass",
        "metadata": {"name": NAMESPACE},
        "driver": DRIVER,
        "deletionPolicy": "Delete",
    }
    found.custom.create_cluster_custom_object(
        **SNAPSHOTS, plural="volumesnapshotclasses", body=snapshot_class
    )
    yield found
    lifecycle.down(NAME, console)


def test_a_claim_holds_no_more_than_its_size_until_it_grows(storage: Storage) -> None:
    pod = storage.pod("filler", data=storage.claim("filled", 64))
    for _ in range(2):
        written, _, refusal = storage.python(pod, FILL, str(200 * MIB)).partition(" ")
        assert refusal in {"EDQUOT", "ENOSPC"}, "one full claim would fill the machine's disk"
        assert 48 * MIB < int(written) <= 64 * MIB, (
            "what was deleted makes room, and the claim is what it says"
        )
    growth = {"spec": {"resources": {"requests": {"storage": "128Mi"}}}}
    storage.running.core.patch_namespaced_persistent_volume_claim("filled", NAMESPACE, growth)

    def grown() -> bool:
        claim = storage.running.core.read_namespaced_persistent_volume_claim("filled", NAMESPACE)
        return bool(claim.status.capacity["storage"] == "128Mi")

    eventually(grown, PATIENCE, "a claim grows while its pod runs")
    assert storage.python(pod, FILL, str(100 * MIB)) == str(100 * MIB), "the pod that runs has the growth"


def test_a_restored_claim_has_every_file_as_it_was(storage: Storage) -> None:
    pod = storage.pod("author", data=storage.claim("written", 64))
    storage.python(pod, PUT, "150")
    before = storage.sums(pod, "/data")
    assert len(before) == 150
    storage.snapshot("as-it-was", "written")
    storage.python(pod, "import shutil; shutil.rmtree('/data/directory-3')")
    storage.python(pod, PUT, "40")
    assert storage.sums(pod, "/data") != before, "the claim goes on after its snapshot"
    reader = storage.pod("reader", data=storage.claim("restored", 64, snapshot="as-it-was"))
    assert storage.sums(reader, "/data") == before, "what was spoken would be lost, or not be what was spoken"
    storage.python(reader, PUT, "10")
    assert storage.sums(reader, "/data") != before, "a restored claim can be written to"


def test_a_snapshot_under_a_writer_is_of_one_moment(storage: Storage) -> None:
    writer = storage.pod("writer", RECORD, data=storage.claim("recorded", 64))
    # Ready is the container's start, not the first record's end.
    eventually(lambda: records(storage, writer), PATIENCE, "it writes")
    for number in range(5):
        storage.snapshot(f"moment-{number}", "recorded")
    time.sleep(0.5)
    claims = {
        f"moment{number}": storage.claim(f"moment-{number}", 64, snapshot=f"moment-{number}")
        for number in range(5)
    }
    reader = storage.pod("historian", **claims)
    counts = json.loads(storage.python(reader, RECORDED, *(f"/{at}" for at in claims)))
    moments = [tuple(counts[f"/{at}"]) for at in claims]
    for first, second, third in moments:
        assert first >= second >= third >= first - 1, (
            f"a record is there without those before it: {moments}; what is restored never was"
        )
    assert sorted(set(moments)) == moments, (
        f"the writer went on all the time, or this shows nothing: {moments}"
    )
    assert records(storage, writer) > moments[-1][0], "the writer went on to the end"


def records(storage: Storage, writer: Any) -> int:
    """How many records the last file has by now."""
    said = storage.python(writer, "import os; print(os.path.getsize('/data/third') // 13)")
    return int(said) if said.isdecimal() else 0


def test_a_claim_smaller_than_its_snapshot_is_refused(storage: Storage) -> None:
    storage.pod("source", data=storage.claim("large", 64))
    storage.snapshot("large", "large")
    storage.claim("small", 32, snapshot="large")
    body_of_pod = {
        "metadata": {"name": "waiting"},
        "spec": {
            "containers": [{"name": "main", "image": IMAGE, "command": ["sleep", "infinity"]}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "small"}}],
        },
    }
    storage.running.core.create_namespaced_pod(NAMESPACE, body_of_pod)

    def refusals() -> list[str]:
        events = storage.running.core.list_namespaced_event(
            NAMESPACE, field_selector="involvedObject.name=small,reason=ProvisioningFailed"
        )
        return [event.message for event in events.items]

    (refusal, *_) = eventually(refusals, PATIENCE, "the refusal is said where one looks for it")
    assert "is less than the size" in refusal, "the snapshot's files would not fit"
    claim = storage.running.core.read_namespaced_persistent_volume_claim("small", NAMESPACE)
    assert claim.status.phase == "Pending"


def test_a_driver_killed_while_it_takes_snapshots_leaves_none_half_made(storage: Storage) -> None:
    pod = storage.pod("busy", data=storage.claim("busy", 64))
    storage.python(pod, PUT, "150")
    before = storage.sums(pod, "/data")
    caught = 0
    for number in range(2):
        for more in range(3):
            storage.ask_for_snapshot(f"killed-{number}-{more}", "busy")
        caught += kill_in_the_middle(storage)
        names = {f"killed-{number}-{more}" for more in range(3)}
        eventually(
            lambda names=names: names <= storage.ready_snapshots().keys(),  # type: ignore[misc]
            PATIENCE,
            "snapshots can be taken again, and those that were asked for are",
        )
    assert caught, "the driver was never killed in the middle, so this shows nothing"
    ready = storage.ready_snapshots()
    for name, files in ready.items():
        if name.startswith("killed"):
            assert sums(files) == before, f"{name} is called ready and is not whole"
    assert unfinished(storage) == [], "what a killed driver leaves is removed by the next one"


def kill_in_the_middle(storage: Storage) -> int:
    """Kills the driver in the moment in which a snapshot is begun and not finished; 1 where that left one so."""
    wanted = faults.program("csi-driver", "controller")
    (driver,) = eventually(
        lambda: faults.matching(storage.running.cluster, wanted), PATIENCE, "the driver runs"
    )
    directory = storage.pool / "snapshots"
    deadline = time.monotonic() + PATIENCE
    while not any(name.startswith(".new-") for name in os.listdir(directory)):  # noqa: PTH208 - pathlib is slower
        assert time.monotonic() < deadline, "no snapshot is begun"
    driver.kill()
    driver.wait(timeout=30)
    return len(unfinished(storage))


def unfinished(storage: Storage) -> list[Path]:
    return [path for kind in ("volumes", "snapshots") for path in (storage.pool / kind).glob(".*")]


def sums(home: Path) -> dict[str, str]:
    files = (file for file in sorted(home.rglob("*")) if file.is_file())
    return {str(f.relative_to(home)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def test_what_is_deleted_is_gone_from_the_disk(storage: Storage) -> None:
    assert len(storage.subvolumes()) > 10, "the other tests have made some"
    storage.running.core.delete_namespace(NAMESPACE)

    def gone() -> bool:
        with suppress(ApiException):
            storage.running.core.read_namespace(NAMESPACE)
            return False
        return not storage.running.core.list_persistent_volume().items

    eventually(gone, PATIENCE, "the namespace goes with its claims and snapshots")
    eventually(lambda: not storage.subvolumes(), PATIENCE, f"nothing is left: {storage.subvolumes()}")
    left = [path for kind in ("volumes", "snapshots") for path in (storage.pool / kind).iterdir()]
    assert left == []
