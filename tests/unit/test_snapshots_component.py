"""What takes the snapshots in the cluster, seen by a recording engine."""

import json
from dataclasses import replace
from typing import Any

import pytest
from pulumi.runtime.mocks import MockMonitor

from components.edge import Exposure
from components.tts import snapshot_pod
from components.tts.restore import Restore
from components.tts.rollout import Rollout
from components.tts.service import TtsService, TtsServiceArgs
from components.tts.snapshot_job import __main__ as command
from components.tts.snapshots import SnapshotPlan
from components.tts.storage import Volume
from stacks.engines import ESPEAK
from tests.support.recording import Recording, record

PLAN = SnapshotPlan(
    stack="prod",
    snapshot_class="tts-snapshots",
    schedule="0 2 * * *",
    time_zone="Europe/Berlin",
    kept=7,
    image="registry.example.com/library/python:3.13.1-slim",
    seconds=3600,
)
IMAGE = "registry.example.com/speech/espeak:1.0.0"
ARGS = TtsServiceArgs(
    namespace="tts",
    engine=ESPEAK,
    image=IMAGE,
    arguments=(),
    settings={},
    replicas=1,
    gpus=1,
    rollout=Rollout.SURGE,
    outputs=Volume(size="1Gi", access_mode="ReadWriteOnce"),
    weights=None,
    snapshots=PLAN,
    protect=False,
    domain="tts.example.com",
    issuer_name="in-cluster-ca",
    acme=False,
    exposure=Exposure.HOST_PORT,
    edge_cidrs=(),
)


def service(**changes: Any) -> Recording:
    args = replace(ARGS, **changes)

    def program() -> None:
        TtsService("tts", args)

    return record(program)


def daily(recording: Recording) -> Any:
    return recording.object("CronJob", "snapshots")["spec"]["jobTemplate"]["spec"]


def before(recording: Recording) -> Any:
    return recording.object("Job", "pre-upgrade")["spec"]


def environment(job: Any) -> dict[str, str]:
    (container,) = job["template"]["spec"]["containers"]
    return {item["name"]: item["value"] for item in container["env"] if "value" in item}


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the engine is told of each resource beside its inputs, by name, while a program is recorded."""
    found: dict[str, Any] = {}
    register = MockMonitor.RegisterResource

    def note(monitor: MockMonitor, request: Any) -> Any:
        found[request.name] = request
        return register(monitor, request)  # type: ignore[no-untyped-call]  # the SDK leaves it untyped

    monkeypatch.setattr(MockMonitor, "RegisterResource", note)
    return found


def before_it(requests: dict[str, Any], name: str) -> set[str]:
    """What a resource comes after: its dependencies, and those of the components that it is in.

    A component is registered when what it depends on is there, and a child when its component is.
    """
    request, found = requests[name], set[str]()
    while True:
        found |= {urn.rpartition("::")[2] for urn in request.dependencies}
        parent = request.parent.rpartition("::")[2]
        if parent not in requests:
            return found
        request = requests[parent]


JOBS = pytest.mark.parametrize("job", [daily, before])


class TestSchedule:
    def test_it_is_the_stacks_own(self) -> None:
        spec = service().object("CronJob", "snapshots")["spec"]
        assert (spec["schedule"], spec["timeZone"]) == ("0 2 * * *", "Europe/Berlin")

    def test_missed_runs_are_caught_up_with_once(self) -> None:
        spec = service().object("CronJob", "snapshots")["spec"]
        assert spec["concurrencyPolicy"] == "Forbid"
        assert 3600 <= spec["startingDeadlineSeconds"] < 24 * 3600, "yesterday's run would meet today's"

    def test_a_run_ends(self) -> None:
        job = daily(service())
        assert job["backoffLimit"] <= 3
        assert job["activeDeadlineSeconds"] > PLAN.seconds, (
            "a pod that cannot start would forbid the next night's"
        )

    def test_the_pod_of_a_failed_run_stays_with_its_reason(self) -> None:
        assert daily(service())["template"]["spec"]["restartPolicy"] == "Never"


class TestBeforeAnUpgrade:
    def test_the_pods_wait_for_it(self, requests: dict[str, Any]) -> None:
        service()
        assert "tts-snapshots-pre-upgrade" in before_it(requests, "tts-speech-deployment"), (
            "the new version would change the data before there is a snapshot of it"
        )

    def test_it_waits_for_all_that_it_needs(self, requests: dict[str, Any]) -> None:
        service()
        needed = before_it(requests, "tts-snapshots-pre-upgrade")
        parts = ("service-account", "role", "role-binding", "program", "policy")
        assert {f"tts-snapshots-{part}" for part in parts} <= needed
        assert "tts-policies-deny-all" in needed, "no pod of ours ever runs without them"

    def test_a_new_image_is_a_new_job(self, requests: dict[str, Any]) -> None:
        service()
        request = requests["tts-snapshots-pre-upgrade"]
        assert list(request.replaceOnChanges) == ["spec"], "a Job cannot be changed"
        assert request.deleteBeforeReplace, "its name would be taken"

    def test_it_knows_the_new_image(self) -> None:
        assert environment(before(service()))["IMAGE"] == IMAGE
        assert "IMAGE" not in environment(daily(service())), "a day's snapshot is of what runs"

    def test_it_knows_what_the_new_pods_mount(self) -> None:
        disk = Volume(size="1Gi", access_mode="ReadWriteOnce")
        told = environment(before(service(weights=disk)))
        assert told["CLAIMS"] == "outputs=outputs,weights=weights"
        assert not {"RESTORE", "SIZES"} & told.keys(), "another size would be another Job"
        told = environment(before(service(restore=Restore(snapshot="s", number=2))))
        assert (told["CLAIMS"], told["RESTORE"]) == ("outputs=outputs-s--2", "s@2")
        assert told["SIZES"].startswith("outputs=")

    def test_it_is_told_of_the_claims_that_they_mount(self) -> None:
        recording = service(restore=Restore(snapshot="s", number=2))
        volumes = recording.object("Deployment", "speech")["spec"]["template"]["spec"]["volumes"]
        (mounted,) = [
            f"{item['name']}={item['persistentVolumeClaim']['claimName']}"
            for item in volumes
            if "persistentVolumeClaim" in item
        ]
        assert environment(before(recording))["CLAIMS"] == mounted

    def test_no_claim_is_made_from_a_snapshot_before_it(self, requests: dict[str, Any]) -> None:
        service(restore=Restore(snapshot="s"))
        assert "tts-snapshots-pre-upgrade" in before_it(requests, "tts-storage-outputs-s"), (
            "a claim that cannot be made waits for ever, and the Job says first that it cannot"
        )
        assert "tts-snapshots-pre-upgrade" not in before_it(requests, "tts-storage-outputs")

    def test_it_fails_at_once_and_its_pod_stays(self) -> None:
        job = before(service(snapshots=replace(PLAN, seconds=60)))
        assert job["backoffLimit"] == 0, (
            "a person waits for it, and the program has tried for as long as it helps"
        )
        assert job["template"]["spec"]["restartPolicy"] == "Never"
        assert job["activeDeadlineSeconds"] == 360, (
            "a sync would run on, and the commit that helps would wait for it"
        )

    def test_one_that_failed_is_followed_by_another(self) -> None:
        first, second = before(service()), before(service(snapshots=replace(PLAN, after="uid-of-the-first")))
        assert first["template"] != second["template"], (
            "the next update would meet the Job that has failed, and no other"
        )
        assert first["template"]["spec"] == second["template"]["spec"]

    @pytest.mark.parametrize("seconds", [60, 1800])
    def test_pulumi_waits_for_longer_than_it_may_take(self, requests: dict[str, Any], seconds: int) -> None:
        job = before(service(snapshots=replace(PLAN, seconds=seconds)))
        assert environment(job)["SECONDS"] == str(seconds)
        waits = requests["tts-snapshots-pre-upgrade"].customTimeouts
        assert waits.create == waits.update == f"{seconds + 300}s"

    def test_without_snapshots_nothing_is_waited_for(self) -> None:
        recording = service(snapshots=None)
        made = {item.type.rpartition(":")[2] for item in recording.resources}
        assert made.isdisjoint({"Job", "CronJob", "Role", "RoleBinding"})


class TestProgram:
    @JOBS
    def test_it_is_run_as_it_is_mounted(self, job: Any) -> None:
        recording = service()
        pod = job(recording)["template"]["spec"]
        (container,) = pod["containers"]
        assert container["command"] == ["python3", "-m", "components.tts.snapshot_job"]
        assert container["args"][0] in command._NEEDS
        assert container["volumeMounts"] == [
            {"name": "program", "mountPath": "/app/components/tts/snapshot_job", "readOnly": True}
        ]
        assert pod["volumes"] == [{"name": "program", "configMap": {"name": "snapshots"}}]
        assert environment(job(recording))["PYTHONPATH"] == "/app"

    def test_all_of_it_is_there(self) -> None:
        data = service().object("ConfigMap", "snapshots")["data"]
        assert {"__init__.py", "__main__.py", "api.py", "names.py", "retention.py", "take.py"} <= data.keys()
        assert data == snapshot_pod.program()
        assert len(json.dumps(data)) < 500_000, "a ConfigMap has room for one MiB"

    @JOBS
    def test_it_is_told_all_that_it_asks_for(self, job: Any) -> None:
        (container,) = job(service())["template"]["spec"]["containers"]
        asked = {*command._ALWAYS, *command._NEEDS[container["args"][0]]} - {"KUBERNETES_SERVICE_HOST"}
        told = environment(job(service()))
        assert asked <= told.keys()
        assert told["DEPLOYMENT"] == service().object("Deployment", "speech")["metadata"]["name"]
        assert (told["STACK"], told["KEPT"], told["SNAPSHOT_CLASS"]) == ("prod", "7", "tts-snapshots")

    @JOBS
    def test_it_knows_which_job_it_is(self, job: Any) -> None:
        (container,) = job(service())["template"]["spec"]["containers"]
        paths = {
            item["name"]: item["valueFrom"]["fieldRef"]["fieldPath"]
            for item in container["env"]
            if "valueFrom" in item
        }
        assert paths == {
            "JOB": "metadata.labels['batch.kubernetes.io/job-name']",
            "JOB_UID": "metadata.labels['batch.kubernetes.io/controller-uid']",
        }

    @JOBS
    def test_a_new_program_is_a_new_pod(self, job: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        def annotations() -> Any:
            return job(service())["template"]["metadata"]["annotations"]

        old = annotations()
        assert annotations() == old
        monkeypatch.setattr("components.tts.snapshot_pod.program", lambda: {"a.py": ""})
        assert annotations() != old


class TestRights:
    def test_they_end_at_the_namespace(self) -> None:
        recording = service()
        assert recording.object("Role", "snapshots")["metadata"]["namespace"] == "tts"
        made = {item.type.rpartition(":")[2] for item in recording.resources}
        assert made.isdisjoint({"ClusterRole", "ClusterRoleBinding"})

    def test_it_can_read_no_secret_and_start_no_pod(self) -> None:
        for rule in service().object("Role", "snapshots")["rules"]:
            assert "*" not in (*rule["apiGroups"], *rule["resources"], *rule["verbs"])
            assert "secrets" not in rule["resources"]
            if rule["resources"] not in (["volumesnapshots"], ["events"]):
                assert set(rule["verbs"]) <= {"get", "list"}

    def test_nobody_else_has_them(self) -> None:
        recording = service()
        subjects = recording.object("RoleBinding", "snapshots")["subjects"]
        assert subjects == [{"kind": "ServiceAccount", "name": "snapshots", "namespace": "tts"}]
        assert (
            recording.object("Deployment", "speech")["spec"]["template"]["spec"]["serviceAccountName"]
            == "speech"
        )

    @JOBS
    def test_the_token_is_its_pods_alone(self, job: Any) -> None:
        recording = service()
        assert recording.object("ServiceAccount", "snapshots")["automountServiceAccountToken"] is False
        pod = job(recording)["template"]["spec"]
        assert pod["automountServiceAccountToken"] is True
        assert pod["serviceAccountName"] == "snapshots"

    @JOBS
    def test_its_pods_pass_the_strictest_pod_security(self, job: Any) -> None:
        pod = job(service())["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        security = pod["containers"][0]["securityContext"]
        assert security == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }

    @JOBS
    def test_it_takes_no_gpu_and_no_gpu_node(self, job: Any) -> None:
        pod = job(service())["template"]["spec"]
        assert "tolerations" not in pod
        resources = pod["containers"][0]["resources"]
        assert resources["requests"].keys() == resources["limits"].keys() == {"cpu", "memory"}

    @JOBS
    def test_it_reaches_the_api_and_nobody_reaches_it(self, job: Any) -> None:
        recording = service()
        policy = recording.object("NetworkPolicy", "snapshots")["spec"]
        assert policy["policyTypes"] == ["Ingress", "Egress"]
        assert "ingress" not in policy
        assert policy["egress"] == [
            {"ports": [{"port": 443, "protocol": "TCP"}, {"port": 6443, "protocol": "TCP"}]}
        ]
        labels = job(recording)["template"]["metadata"]["labels"]
        assert policy["podSelector"]["matchLabels"].items() <= labels.items()


class TestRecorded:
    def test_a_pod_says_what_it_runs_with(self) -> None:
        template = service(recorded='{"engine": "espeak"}').object("Deployment", "speech")["spec"]["template"]
        assert template["metadata"]["annotations"]["tts-platform/settings"] == '{"engine": "espeak"}'

    def test_or_nothing(self) -> None:
        template = service().object("Deployment", "speech")["spec"]["template"]
        assert "tts-platform/settings" not in template["metadata"]["annotations"]


def test_at_least_one_is_kept() -> None:
    with pytest.raises(ValueError, match="at least one snapshot is kept"):
        replace(PLAN, kept=0)
