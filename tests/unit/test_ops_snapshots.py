"""The commands around snapshots, against an API server that enforces what the real one does."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from components.tts.restore import parse
from components.tts.snapshot_job import names
from ops import __main__ as commands
from ops import snapshot_cluster, snapshot_settings, snapshot_take, snapshots, stack_file, workspace
from ops.errors import OpsError
from ops.workspace import OwnBackend, Workspace
from stacks.problems import SettingsError
from tests.support import api_server
from tests.support.api_server import Api, Object

ROOT = Path(__file__).parents[2]
NEW, OLD = "acme/espeak:1.1.0", "acme/espeak:1.0.0"
COMMITTED = {"outputsSize": "1Gi", "image": NEW, "domain": "tts.localhost", "engine": "espeak"}
NAME = "espeak-v1.0.0-20251220-0200"
AGAIN = parse(f"{NAME}@2").claim("outputs")


def volume_snapshot(name: str = NAME, volume: str = "outputs", **changes: Any) -> Object:
    taken = changes.get("taken", datetime.now(UTC) - timedelta(hours=3, minutes=12, seconds=5))
    status = {
        "readyToUse": True,
        "restoreSize": "1Gi",
        "boundVolumeSnapshotContentName": f"c-{name}-{volume}",
    }
    return {
        "metadata": {
            "name": f"{name}-{volume}",
            "namespace": "tts",
            "labels": {
                names.SNAPSHOT: name,
                names.VOLUME: volume,
                names.STACK: changes.get("stack", "local"),
                names.ENGINE: "espeak",
                names.VERSION: "1.0.0",
                names.REASON: "scheduled",
            },
            "annotations": {
                names.TAKEN: names.time_text(taken),
                names.IMAGE: OLD,
                names.SETTINGS: json.dumps({"image": OLD, "engine": "espeak", "args": ["--slow"]}),
                names.CLAIM: volume,
                names.VOLUMES: changes.get("volumes", "outputs"),
            },
        },
        "status": {**status, **changes.get("status", {})},
    }


def content(handle: str, snapshot: str, **changes: Any) -> Object:
    """As the storage's controller leaves it when its VolumeSnapshot goes."""
    taken = datetime.now(UTC) - timedelta(days=changes.get("days", 40))
    return {
        "metadata": {"name": f"snapcontent-{handle}", "uid": f"u-{handle}"},
        "spec": {
            "deletionPolicy": "Retain",
            "driver": "ebs.csi.aws.com",
            "source": changes.get("source", {"volumeHandle": "vol-1"}),
            "volumeSnapshotClassName": changes.get("snapshot_class", "tts-snapshots"),
            "volumeSnapshotRef": {"name": snapshot, "namespace": "tts", "uid": changes.get("uid", "gone")},
        },
        "status": {
            "snapshotHandle": handle,
            "creationTime": int(taken.timestamp() * 10**9),
            "restoreSize": 3 * 1024**3,
        },
    }


def claim(name: str) -> Object:
    return {"metadata": {"name": name, "namespace": "tts"}}


def pod_spec(claims: Sequence[str]) -> Object:
    volumes = [
        {"name": name.partition("-")[0], "persistentVolumeClaim": {"claimName": name}} for name in claims
    ]
    return {"containers": [{"name": "speech", "image": NEW}], "volumes": volumes}


@dataclass
class Machine:
    """A person's machine with the local stack on a cluster, and a `pulumi` that is played."""

    api: Api
    workspace: Workspace
    committed: Path
    ups: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """The settings that each update was given."""

    fails: bool = False
    interrupted: bool = False

    def play(self, arguments: tuple[str, ...]) -> str:
        if arguments[:2] == ("stack", "output"):
            return json.dumps({"namespace": "tts", "deployment": "speech"})
        if arguments[0] == "up":
            self.ups.append(self.settings)
            if self.interrupted:
                signal.raise_signal(signal.SIGINT)
            if self.fails:
                raise OpsError("pulumi up of local failed.")
            claims = [name for name in (self.claim,) if name]
            for name in claims:
                self.api.add("persistentvolumeclaims", claim(name))
            self.mounts(*claims)
        return ""

    @property
    def settings(self) -> dict[str, Any]:
        config = yaml.safe_load(self.workspace.config_file.read_text())["config"]
        return {key.removeprefix("tts-platform:"): value for key, value in config.items()}

    @property
    def claim(self) -> str:
        restore = self.settings.get("restoreFrom")
        return parse(restore).claim("outputs") if restore else "outputs"

    def mounts(self, *claims: str) -> None:
        spec = pod_spec(claims)
        self.api.add(
            "deployments",
            {"metadata": {"name": "speech"}, "spec": {"selector": {}, "template": {"spec": spec}}},
        )
        ready = {"conditions": [{"type": "Ready", "status": "True"}]}
        labels = {"app.kubernetes.io/name": "speech"}
        self.api.add(
            "pods", {"metadata": {"name": "speech-1", "labels": labels}, "spec": spec, "status": ready}
        )

    def make_up(self) -> None:
        self.workspace.prepare({"kubeconfig": "there", "httpsPort": 8443})

    def commit(self, **settings: Any) -> None:
        """Writes the committed settings anew."""
        config = {f"tts-platform:{key}": value for key, value in {**COMMITTED, **settings}.items()}
        self.committed.write_text(yaml.safe_dump({"config": config}))

    def run(self, *arguments: str, asked: str | None = None) -> Result:
        return CliRunner().invoke(commands.app, list(arguments), input=asked)

    def restore(self, *options: str, name: str = NAME, asked: str | None = None) -> Result:
        options = (*options, "--why", "a test")
        return self.run("snapshots", "restore", "local", name, *options, asked=asked)

    def restored(self, *options: str, name: str = NAME) -> Result:
        result = self.restore("--yes", *options, name=name)
        assert result.exit_code == 0, result.exception or result.output
        return result

    def refused(self, message: str, *options: str, name: str = NAME) -> None:
        """Refuses in one line, and nothing has changed."""
        before, count = self.settings, len(self.ups)
        error = self.restore("--yes", *options, name=name).exception
        assert isinstance(error, OpsError)
        assert message in str(error)
        assert "\n" not in str(error)
        assert (self.settings, len(self.ups)) == (before, count)
        assert "configmaps" not in self.api.objects, "a refusal is no restore that was begun"

    def entries(self) -> list[dict[str, Any]]:
        result = self.run("audit", "local", "--json")
        entries: list[dict[str, Any]] = json.loads(result.stdout)
        return entries


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "Pulumi.yaml").write_text("name: tts-platform\n")
    monkeypatch.setattr(workspace, "CHECKOUT", checkout)
    with api_server.running() as api:
        stack = Workspace(stack="local", directory=tmp_path / "stack")
        made = Machine(api=api, workspace=stack, committed=checkout / "Pulumi.local.yaml")
        made.commit()

        def run(_: Workspace, *arguments: str, **__: Any) -> subprocess.CompletedProcess[str]:
            return subprocess.CompletedProcess(arguments, 0, made.play(arguments), "")

        monkeypatch.setattr(Workspace, "run", run)
        monkeypatch.setattr(Workspace, "exists", True)
        monkeypatch.setattr(snapshot_cluster, "embedded", lambda _: stack)
        monkeypatch.setattr(snapshot_cluster, "_api", lambda *_: api.client)
        monkeypatch.setattr(snapshots, "person", lambda _: "ana@example.com")
        made.make_up()
        made.mounts("outputs")
        api.add("persistentvolumeclaims", claim("outputs"))
        api.add("volumesnapshots", volume_snapshot())
        yield made


class TestList:
    def test_newest_first_with_what_a_person_chooses_by(self, machine: Machine) -> None:
        other = volume_snapshot("theirs-1", stack="prod")
        bad = {"readyToUse": False, "error": {"message": "disk\n gone"}}
        newer = volume_snapshot("pre-upgrade-1.1.0", taken=datetime.now(UTC), status=bad)
        newer["metadata"]["labels"]["keep"] = "true"
        for item in (other, newer):
            machine.api.add("volumesnapshots", item)
        lines = machine.run("snapshots", "list", "local").stdout.splitlines()
        rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if "Gi" in line]
        assert [row[0] for row in rows] == ["pre-upgrade-1.1.0", NAME], (
            "another stack's is not theirs to restore"
        )
        assert rows[0][5:7] == ["failed: outputs: disk gone", "yes"]
        assert rows[1][1].endswith("UTC, 3 h 12 min ago")
        assert rows[1][2:] == ["1Gi", "scheduled", "espeak 1.0.0", "yes", "", "outputs"]

    def test_as_json_with_the_storages_own_handles(self, machine: Machine) -> None:
        machine.api.add(
            "volumesnapshotcontents",
            {
                "metadata": {"name": f"c-{NAME}-outputs"},
                "spec": {"volumeSnapshotRef": {"name": f"{NAME}-outputs", "namespace": "tts"}},
                "status": {"snapshotHandle": "snap-1"},
            },
        )
        # Of an earlier one of that name, whose content was retained.
        machine.api.add("volumesnapshotcontents", content("snap-0", f"{NAME}-outputs"))
        (found,) = json.loads(machine.run("snapshots", "list", "local", "--json").stdout)
        assert found["volumes"]["outputs"]["handle"] == "snap-1"
        assert (found["name"], found["state"], found["settings"]["image"]) == (NAME, "good", OLD)

    def test_who_may_not_see_handles_gets_the_list(self, machine: Machine) -> None:
        machine.api.refused["GET", "volumesnapshotcontents"] = 403
        (found,) = json.loads(machine.run("snapshots", "list", "local", "--json").stdout)
        assert found["volumes"]["outputs"]["handle"] is None

    def test_none_is_said(self, machine: Machine) -> None:
        machine.api.objects["volumesnapshots"].clear()
        assert "make snapshot STACK=local" in machine.run("snapshots", "list", "local").stdout

    def test_a_cluster_without_the_kinds_is_said(self, machine: Machine) -> None:
        del machine.api.objects["volumesnapshots"]
        error = machine.run("snapshots", "list", "local").exception
        assert isinstance(error, OpsError)
        assert "knows no snapshots: set snapshots: csi, then make up" in str(error)

    def test_one_that_is_to_have_none_says_so(self, machine: Machine) -> None:
        machine.commit(snapshots="none")
        machine.make_up()
        del machine.api.objects["volumesnapshots"]
        said = machine.run("snapshots", "list", "local").stdout
        assert said == "Stack local takes no snapshots: set snapshots: csi, then make up.\n"

    @pytest.mark.parametrize(
        ("days", "state", "says"),
        [
            (0, True, f"Last good: 0 min ago, {NAME}.\n"),
            (
                2,
                True,
                f"Last good: 2 d ago, {NAME}. That is more than a day: kubectl --namespace tts get cronjob",
            ),
            (2, False, "No good one of stack local: kubectl"),
        ],
    )
    def test_when_data_was_last_safe(self, machine: Machine, days: int, state: bool, says: str) -> None:
        taken = datetime.now(UTC) - timedelta(days=days)
        machine.api.add("volumesnapshots", volume_snapshot(taken=taken, status={"readyToUse": state}))
        assert says in machine.run("snapshots", "list", "local").stdout

    def test_a_cluster_that_is_away_is_one_line(self, machine: Machine) -> None:
        machine.api.url = "http://127.0.0.1:9"
        error = machine.run("snapshots", "list", "local").exception
        assert isinstance(error, OpsError)
        assert "does not answer" in str(error)
        assert "\n" not in str(error)


class TestRestore:
    def test_the_service_gets_new_volumes_and_both_ends_are_in_the_log(self, machine: Machine) -> None:
        result = machine.restored()
        (settings,) = machine.ups
        assert settings["restoreFrom"] == NAME
        assert settings["image"] == NEW, "nobody asked for the old one"
        assert "everything since" in result.stderr
        assert "3 h 12 min ago" in result.stderr
        assert "The old outputs stays." in result.stdout
        assert [entry["what"] for entry in machine.entries()] == ["restore asked", "restored"]
        for entry in machine.entries():
            assert (entry["who"], entry["why"], entry["snapshot"]) == ("ana@example.com", "a test", NAME)
            assert entry["claims"] == [f"outputs-{NAME}"]

    def test_it_asks(self, machine: Machine) -> None:
        assert machine.restore(asked="n\n").exit_code == 1
        assert not machine.ups
        assert machine.restore(asked="y\n").exit_code == 0
        assert len(machine.ups) == 1

    def test_with_the_image_the_settings_of_then_come_back(self, machine: Machine) -> None:
        machine.commit(inference={"VOICE": "new"})
        machine.make_up()
        machine.restored("--with-image")
        (settings,) = machine.ups
        assert (settings["image"], settings["args"]) == (OLD, ["--slow"])
        assert "inference" not in settings, "it was not set then"
        assert settings["outputsSize"] == "1Gi"

    def test_the_next_make_up_keeps_it(self, machine: Machine) -> None:
        machine.restored("--with-image")
        machine.make_up()
        assert (machine.settings["restoreFrom"], machine.settings["image"]) == (NAME, OLD), (
            "the service would be back on the old volumes"
        )

    def test_what_is_committed_anew_is_what_holds(self, machine: Machine) -> None:
        machine.restored("--with-image")
        machine.commit(image="acme/espeak:1.2.0")
        machine.make_up()
        assert machine.settings["image"] == "acme/espeak:1.2.0", "an upgrade would never arrive"
        assert machine.settings["restoreFrom"] == NAME
        machine.commit(image=NEW)
        machine.make_up()
        assert machine.settings["image"] == NEW, "a restore from long ago would come back"
        machine.commit(restoreFrom="")
        machine.make_up()
        assert not machine.settings["restoreFrom"], "nobody could ever take the key out again"

    def test_the_same_one_again_is_made_from_the_snapshot_again(self, machine: Machine) -> None:
        for wanted in (NAME, f"{NAME}@2", f"{NAME}@3"):
            machine.restored()
            assert machine.ups[-1]["restoreFrom"] == wanted, "the pods would keep what was written since"

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"status": {"readyToUse": False}, "taken": datetime.now(UTC)}, "is still being taken: wait"),
            ({"status": {"readyToUse": False, "error": {"message": "x"}}}, "is no good (outputs: x): choose"),
            ({"stack": "prod"}, "is of stack prod, not of local"),
            ({"volumes": "outputs,weights"}, "is no good (weights not ready since"),
            ({"status": {"restoreSize": "2Gi"}}, "needs 2Gi for outputs, and outputsSize is 1Gi: set outputsSize"),
        ],
    )  # fmt: skip
    def test_what_could_not_end_well_is_refused_first(
        self, machine: Machine, change: dict[str, Any], message: str
    ) -> None:
        machine.api.add("volumesnapshots", volume_snapshot(**change))
        machine.refused(message)

    def test_one_that_is_not_there_is_refused(self, machine: Machine) -> None:
        machine.refused("There is no snapshot other: make snapshots STACK=local", name="other")

    def test_one_without_a_volume_that_is_mounted_is_refused(self, machine: Machine) -> None:
        machine.mounts("outputs", "weights")
        machine.refused("has outputs and not weights, which the service mounts: choose another.")

    def test_settings_that_nobody_recorded_cannot_come_back(self, machine: Machine) -> None:
        item = volume_snapshot()
        del item["metadata"]["annotations"][names.SETTINGS]
        machine.api.add("volumesnapshots", item)
        machine.refused(
            "has no settings recorded: restore without WITH_IMAGE. It ran acme/espeak:1.0.0", "--with-image"
        )

    def test_volumes_of_a_snapshot_that_is_gone_are_had_by_the_setting(self, machine: Machine) -> None:
        machine.restored()
        machine.restored()
        machine.api.objects["volumesnapshots"].clear()
        error = str(machine.restore("--yes").exception)
        assert f"write tts-platform:restoreFrom: {NAME} into Pulumi.local.yaml" in error
        assert f"({AGAIN} by {NAME}@2)" in error, "either may be what they want"
        assert len(machine.ups) == 2

    def test_the_digest_of_then_is_said_where_the_tag_may_be_another(self, machine: Machine) -> None:
        item = volume_snapshot()
        item["metadata"]["annotations"][names.IMAGE_ID] = "docker.io/acme/espeak@sha256:abc"
        machine.api.add("volumesnapshots", item)
        line = "image  ran as docker.io/acme/espeak@sha256:abc"
        assert line not in machine.restore(asked="n\n").stderr, "the image stays"
        assert line in machine.restore("--with-image", asked="n\n").stderr

    def test_a_service_that_goes_before_it_comes_is_said(self, machine: Machine) -> None:
        warning = "if that fails, until make up"
        assert warning not in machine.restore(asked="n\n").stderr
        update = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
        machine.api.objects["deployments"]["speech"]["spec"]["strategy"] = update
        assert warning in machine.restore(asked="n\n").stderr

    def test_one_that_goes_while_a_person_thinks_is_refused(
        self, machine: Machine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def confirm(*_: Any, **__: Any) -> None:
            machine.api.objects["volumesnapshots"].clear()

        monkeypatch.setattr("typer.confirm", confirm)
        error = machine.restore().exception
        assert isinstance(error, OpsError)
        assert "There is no snapshot" in str(error)
        assert not machine.ups

    def test_a_failure_leaves_the_settings_and_a_second_try_works(self, machine: Machine) -> None:
        before = [file.read_bytes() if file.exists() else None for file in machine.workspace.settings_files]
        machine.fails = True
        error = machine.restore("--yes").exception
        assert isinstance(error, OpsError)
        assert "The old volumes still serve (outputs). The settings are as they were." in str(error)
        after = [file.read_bytes() if file.exists() else None for file in machine.workspace.settings_files]
        assert before == after, "the next make up would try again"
        assert machine.entries()[-1]["what"] == "failed: pulumi up of local failed."
        # The claim of the first try was made, and nobody knows what is in it.
        machine.api.add("persistentvolumeclaims", claim(f"outputs-{NAME}"))
        machine.fails = False
        machine.restored()
        assert machine.ups[-1]["restoreFrom"] == f"{NAME}@2"

    def test_a_failure_that_took_the_old_pods_says_the_way_back(self, machine: Machine) -> None:
        machine.fails = True
        machine.api.objects["pods"].clear()
        error = machine.restore("--yes").exception
        assert "No pod serves the old volumes now (outputs), and they are whole: make up brings" in str(error)

    def test_an_interrupt_leaves_the_settings_and_a_second_try_works(self, machine: Machine) -> None:
        before = machine.settings
        machine.interrupted = True
        handler = signal.signal(signal.SIGINT, commands._interrupted)
        try:
            assert machine.restore("--yes").exit_code == 128 + signal.SIGINT
        finally:
            signal.signal(signal.SIGINT, handler)
        assert machine.settings == before
        assert machine.entries()[-1]["what"] == "failed: interrupted"
        machine.interrupted = False
        machine.restored()

    def test_after_a_kill_a_second_try_works(self, machine: Machine) -> None:
        # As kill -9 leaves it: the key is written, and its claim made.
        machine.workspace.settle({"restoreFrom": NAME})
        machine.api.add("persistentvolumeclaims", claim(f"outputs-{NAME}"))
        machine.restored()
        assert machine.ups[-1]["restoreFrom"] == f"{NAME}@2"
        assert machine.api.named("persistentvolumeclaims") == [
            "outputs",
            f"outputs-{NAME}",
            AGAIN,
        ]

    def test_a_second_one_at_once_is_refused(self, machine: Machine) -> None:
        with machine.workspace.locked():
            machine.refused("Another command works on stack local: wait until it ends.")

    def test_without_a_record_nothing_is_restored(self, machine: Machine) -> None:
        machine.api.refused["POST", "configmaps"] = 403
        error = machine.restore("--yes").exception
        assert isinstance(error, OpsError)
        assert "audit log cannot be written" in str(error)
        assert not machine.ups


class TestTake:
    @pytest.fixture(autouse=True)
    def _schedule(self, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(snapshot_take, "_POLL_SECONDS", 0.01)
        container = {
            "name": "snapshots",
            "image": "python",
            "args": ["scheduled"],
            "env": [{"name": "SECONDS", "value": "5"}],
        }
        machine.api.add(
            "cronjobs",
            {
                "metadata": {"name": "snapshots", "uid": "u-1"},
                "spec": {
                    "schedule": "0 2 * * *",
                    "jobTemplate": {
                        "spec": {
                            "backoffLimit": 3,
                            "activeDeadlineSeconds": 5,
                            "template": {"spec": {"containers": [container]}},
                        }
                    },
                },
            },
        )

    def ends(self, machine: Machine, monkeypatch: pytest.MonkeyPatch, kind: str, message: str | None) -> None:
        """Has the next Job end at once."""
        add = machine.api.add

        def made(plural: str, item: Object) -> Object:
            if plural == "jobs":
                item["status"] = {
                    "conditions": [{"type": kind, "status": "True", "message": "BackoffLimitExceeded"}]
                }
                status = {
                    "phase": "Succeeded",
                    "containerStatuses": [
                        {
                            "name": "snapshots",
                            "image": "python",
                            "imageID": "",
                            "ready": False,
                            "restartCount": 0,
                            "state": {"terminated": {"exitCode": 0, "message": message}},
                        }
                    ],
                }
                labels = {"job-name": item["metadata"]["name"]}
                add("pods", {"metadata": {"name": "p", "labels": labels}, "status": status})
            return add(plural, item)

        monkeypatch.setattr(machine.api, "add", made)

    def take(self, machine: Machine, why: str = "before $(WHY)") -> Result:
        return machine.run("snapshots", "take", "local", "--why", why)

    def test_the_schedules_own_job_takes_it(self, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ends(machine, monkeypatch, "Complete", f"{NAME}\n")
        assert self.take(machine).stdout == f"{NAME}\n"
        (job,) = machine.api.objects["jobs"].values()
        (container,) = job["spec"]["template"]["spec"]["containers"]
        assert (container["args"], job["spec"]["backoffLimit"]) == (["take"], 0)
        env = {item["name"]: item["value"] for item in container["env"]}
        assert env == {"SECONDS": "5", "WHY": "before $$(WHY)", "BY": "ana@example.com"}
        assert job["metadata"]["ownerReferences"][0]["uid"] == "u-1", "it would outlive the service"
        (entry,) = machine.entries()
        assert (entry["what"], entry["snapshot"], entry["why"]) == ("taken", NAME, "before $(WHY)")

    def test_a_failure_says_why_in_one_line(self, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ends(machine, monkeypatch, "Failed", "outputs: the driver\nhas no room")
        error = self.take(machine).exception
        assert str(error) == "The snapshot failed: outputs: the driver has no room"
        assert machine.entries()[0]["what"].startswith("take failed: ")

    def test_a_log_that_refuses_hides_no_reason(
        self, machine: Machine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        machine.api.refused["POST", "configmaps"] = 403
        self.ends(machine, monkeypatch, "Failed", "no room")
        assert str(self.take(machine).exception) == "The snapshot failed: no room"

    def test_a_log_that_refuses_hides_no_snapshot(
        self, machine: Machine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        machine.api.refused["POST", "configmaps"] = 403
        self.ends(machine, monkeypatch, "Complete", NAME)
        error = str(self.take(machine).exception)
        assert error.startswith(f"It is taken: {NAME}. The audit log cannot be written"), (
            "it would be taken twice"
        )

    def test_what_the_cluster_refuses_is_noted(self, machine: Machine) -> None:
        machine.api.refused["POST", "jobs"] = 403
        assert "refuses: jobs is forbidden." in str(self.take(machine).exception)
        assert "jobs is forbidden" in machine.entries()[0]["what"]

    def test_a_stack_that_is_to_have_none_takes_none(self, machine: Machine) -> None:
        machine.commit(snapshots="none")
        machine.make_up()
        assert "Stack local takes no snapshots: set snapshots: csi" in str(self.take(machine).exception)
        assert "jobs" not in machine.api.objects

    def test_a_pod_that_says_nothing_is_the_jobs_reason(
        self, machine: Machine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.ends(machine, monkeypatch, "Failed", None)
        assert str(self.take(machine).exception) == "The snapshot failed: BackoffLimitExceeded"

    def test_one_that_never_ends_is_given_up(self, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(snapshot_take, "_MARGIN_SECONDS", -4.9)
        assert "has not ended: kubectl --namespace tts describe pod" in str(self.take(machine).exception)

    def test_a_stack_without_snapshots_says_so(self, machine: Machine) -> None:
        machine.api.objects["cronjobs"].clear()
        assert "takes no snapshots: set snapshots: csi" in str(self.take(machine).exception)


class TestPin:
    def keep(self, machine: Machine) -> Any:
        return machine.api.objects["volumesnapshots"][f"{NAME}-outputs"]["metadata"]["labels"].get("keep")

    def test_it_is_kept_until_somebody_says_otherwise(self, machine: Machine) -> None:
        behind = content("snap-1", f"{NAME}-outputs")
        behind["metadata"]["name"] = f"c-{NAME}-outputs"
        machine.api.add("volumesnapshotcontents", behind)
        assert machine.run("snapshots", "pin", "local", NAME, "--why", "golden").exit_code == 0
        assert self.keep(machine) == "true"
        (kept,) = machine.api.objects["volumesnapshotcontents"].values()
        assert kept["metadata"]["labels"] == {"keep": "true"}, "prune would delete it once its object is gone"
        off = machine.run("snapshots", "pin", "local", NAME, "--off")
        assert "the schedule deletes it in its turn" in off.stdout
        assert self.keep(machine) is None
        said = ["pin asked", "pinned", "unpin asked", "unpinned"]
        assert [entry["what"] for entry in machine.entries()] == said
        assert machine.entries()[0]["why"] == "golden"

    def test_one_that_the_schedule_never_deletes_says_so(self, machine: Machine) -> None:
        item = volume_snapshot()
        item["metadata"]["labels"][names.REASON] = "pre-upgrade"
        machine.api.add("volumesnapshots", item)
        off = machine.run("snapshots", "pin", "local", NAME, "--off")
        assert "stays until a person does" in off.stdout

    def test_nothing_is_pinned_that_the_log_does_not_say(self, machine: Machine) -> None:
        machine.api.refused["POST", "configmaps"] = 403
        assert "audit log cannot be written" in str(machine.run("snapshots", "pin", "local", NAME).exception)
        assert self.keep(machine) is None

    def test_a_refusal_is_in_the_log(self, machine: Machine) -> None:
        machine.api.refused["PATCH", "volumesnapshots"] = 403
        assert isinstance(machine.run("snapshots", "pin", "local", NAME).exception, OpsError)
        assert [entry["what"].partition(":")[0] for entry in machine.entries()] == ["pin asked", "pin failed"]


class TestPrune:
    """What a class that retains has left in the storage."""

    @pytest.fixture(autouse=True)
    def _left(self, machine: Machine) -> None:
        there = volume_snapshot()
        there["metadata"]["uid"] = "there"
        machine.api.add("volumesnapshots", there)
        for item in (
            content("snap-old", "a-outputs"),
            content("snap-new", "b-outputs", days=3),
            content("snap-kept", f"{NAME}-outputs", uid="there"),
            content("snap-again", f"{NAME}-outputs", days=50),
            content("snap-theirs", "c-outputs", snapshot_class="other-snapshots"),
            # The platform's own object for what another stack took: deleting that would be its loss.
            content("snap-prods", "seed-weights", source={"snapshotHandle": "snap-prods"}),
        ):
            machine.api.add("volumesnapshotcontents", item)

    def left(self, machine: Machine) -> set[str]:
        return {name.removeprefix("snapcontent-") for name in machine.api.objects["volumesnapshotcontents"]}

    def test_only_what_nobody_stands_for_is_listed(self, machine: Machine) -> None:
        found = json.loads(machine.run("snapshots", "list", "local", "--orphans", "--json").stdout)
        assert [item["handle"] for item in found] == ["snap-again", "snap-old", "snap-new"]
        shown = machine.run("snapshots", "list", "local", "--orphans").stdout
        assert "3Gi" in shown
        assert "snap-prods" not in shown

    def test_old_ones_go_with_their_data_and_the_log_says_which(
        self, machine: Machine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[Object] = []
        add = machine.api.add

        def patched(plural: str, item: Object) -> Object:
            if plural == "volumesnapshotcontents":
                seen.append(item)
            return add(plural, item)

        monkeypatch.setattr(machine.api, "add", patched)
        result = machine.run(
            "snapshots", "prune", "local", "--older-than", "30", "--why", "the bill", "--yes"
        )
        assert result.exit_code == 0, result.exception
        assert self.left(machine) == {"snap-new", "snap-kept", "snap-theirs", "snap-prods"}
        assert len(seen) == 2
        for item in seen:
            assert item["spec"]["deletionPolicy"] == "Delete", "the storage would keep it, with no name"
            assert item["spec"]["volumeSnapshotRef"]["uid"] == "gone"
            assert item["metadata"]["annotations"] == {
                "snapshot.storage.kubernetes.io/volumesnapshot-being-deleted": "yes"
            }
        assert [entry["what"] for entry in machine.entries()] == ["prune asked", "pruned"]
        assert machine.entries()[0]["snapshot"] == f"{NAME}-outputs, a-outputs"

    def test_pinned_ones_stay(self, machine: Machine) -> None:
        for item in machine.api.objects["volumesnapshotcontents"].values():
            item["metadata"]["labels"] = {"keep": "true"}
        before = self.left(machine)
        said = machine.run("snapshots", "prune", "local", "--older-than", "0", "--yes").stdout
        assert "Nothing to delete" in said
        assert self.left(machine) == before

    def test_the_only_way_back_is_not_pruned_by_a_scheduler(self, machine: Machine) -> None:
        # The namespace is gone, and with it every VolumeSnapshot.
        machine.api.objects["volumesnapshots"].clear()
        before = self.left(machine)
        error = machine.run("snapshots", "prune", "local", "--older-than", "0", "--yes").exception
        assert "has no good snapshot but these 4" in str(error)
        assert self.left(machine) == before
        machine.run("snapshots", "prune", "local", "--older-than", "0", "--even-the-last", "--yes")
        assert self.left(machine) == {"snap-theirs", "snap-prods"}

    def test_it_asks(self, machine: Machine) -> None:
        before = self.left(machine)
        assert machine.run("snapshots", "prune", "local", "--older-than", "0", asked="n\n").exit_code == 1
        assert self.left(machine) == before
        assert "configmaps" not in machine.api.objects

    def test_one_that_changes_meanwhile_stays(
        self, machine: Machine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def confirm(*_: Any, **__: Any) -> None:
            machine.api.add("volumesnapshotcontents", content("snap-again", f"{NAME}-outputs", uid="there"))

        monkeypatch.setattr("typer.confirm", confirm)
        error = machine.run("snapshots", "prune", "local", "--older-than", "45").exception
        assert "has changed meanwhile, and stays" in str(error)
        assert "snap-again" in self.left(machine)
        assert machine.entries()[-1]["what"].startswith("prune failed: ")

    def test_none_is_said(self, machine: Machine) -> None:
        said = machine.run("snapshots", "prune", "local", "--older-than", "400", "--yes").stdout
        assert "Nothing to delete" in said


class TestAudit:
    def test_nothing_yet_is_said(self, machine: Machine) -> None:
        assert "Nobody has restored" in machine.run("audit", "local").stdout

    def test_a_table_in_order(self, machine: Machine) -> None:
        machine.restored()
        rows = [
            line.split("│") for line in machine.run("audit", "local").stdout.splitlines() if "ana@" in line
        ]
        assert [(row[1].strip(), row[4].strip()) for row in rows] == [
            ("1", "restore asked"),
            ("2", "restored"),
        ]


def test_a_stack_that_make_up_has_not_made_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace, "STATE", tmp_path)
    error = CliRunner().invoke(commands.app, ["snapshots", "list", "local", "--name", "x"]).exception
    assert str(error) == "make up has put nothing onto the embedded cluster x yet."
    assert os.listdir(tmp_path) == []  # noqa: PTH208


class TestOwnBackend:
    """Stack dev, in the backend of the login."""

    @pytest.fixture
    def ran(self, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        checkout = machine.committed.parent
        for name in ("Pulumi.yaml", "Pulumi.dev.yaml"):
            (checkout / name).write_bytes((ROOT / name).read_bytes())
        for module in (snapshot_cluster, snapshot_settings, snapshots):
            monkeypatch.setattr(module, "CHECKOUT", checkout)
        monkeypatch.setattr(workspace, "STATE", checkout / "state")
        ran: list[str] = []

        def run(_: OwnBackend, *arguments: str, **__: Any) -> subprocess.CompletedProcess[str]:
            ran.append(" ".join(arguments[:3]))
            said = json.dumps({"namespace": "tts", "deployment": "speech"})
            return subprocess.CompletedProcess(arguments, 0, said, "")

        monkeypatch.setattr(OwnBackend, "run", run)
        item = volume_snapshot(stack="dev")
        item["metadata"]["annotations"][names.SETTINGS] = json.dumps({"image": "acme/cosyvoice:1.0.0"})
        machine.api.add("volumesnapshots", item)
        return ran

    def restore(self, machine: Machine, *options: str) -> Result:
        return machine.run("snapshots", "restore", "dev", NAME, "--yes", *options)

    def test_who_is_asked_sees_what_else_their_checkout_brings(
        self, machine: Machine, ran: list[str]
    ) -> None:
        asked = machine.run("snapshots", "restore", "dev", NAME, "--why", "x", asked="y\n")
        assert asked.exit_code == 0, asked.exception
        assert ran[-1] == "up", "Pulumi shows everything, and asks"
        assert self.restore(machine).exit_code == 0
        assert ran[-1] == "up --yes --skip-preview"

    def test_the_committed_file_says_it_afterwards(self, machine: Machine, ran: list[str]) -> None:
        file = machine.committed.with_name("Pulumi.dev.yaml")
        before = file.read_text()
        result = self.restore(machine)
        assert result.exit_code == 0, result.exception
        assert ran[-1].startswith("up")
        assert file.read_text() == f"{before}  tts-platform:restoreFrom: {NAME}\n"
        assert "Commit Pulumi.dev.yaml" in result.stdout

    def test_what_the_program_would_refuse_is_refused_before_anything(
        self, machine: Machine, ran: list[str]
    ) -> None:
        item = machine.api.objects["volumesnapshots"][f"{NAME}-outputs"]
        item["metadata"]["annotations"][names.SETTINGS] = json.dumps({"image": "acme/cosyvoice:latest"})
        error = self.restore(machine, "--with-image").exception
        assert isinstance(error, SettingsError)
        assert "can change under a running service" in str(error)
        assert ran == ["stack output --json"]
        assert "configmaps" not in machine.api.objects

    @pytest.mark.parametrize(
        ("storage", "says"),
        [
            (
                "efs",
                "its volumes are on EFS, which has none. AWS Backup keeps one of each of the last 35 days",
            ),
            ("ebs", "set snapshots: csi in Pulumi.dev.yaml, then pulumi up --stack dev (where Argo CD"),
        ],
    )
    def test_without_snapshots_it_says_what_there_is_instead(
        self, machine: Machine, ran: list[str], storage: str, says: str
    ) -> None:
        file = machine.committed.with_name("Pulumi.dev.yaml")
        for key, value in {"snapshots": "none", "storage": storage}.items():
            text = stack_file.with_settings(file.read_text(), file.name, {key: value})
            file.write_text(text)
        machine.api.objects["volumesnapshots"].clear()
        assert says in machine.run("snapshots", "list", "dev").stdout
        for command in (["take", "dev", "--why", "x"], ["restore", "dev", NAME, "--yes"]):
            assert says in str(machine.run("snapshots", *command).exception)
        assert "up" not in {command.partition(" ")[0] for command in ran}
