"""A restore of a stack that Argo CD delivers: one commit, reviewed and pushed like any other."""

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from components.tts.restore import Restore
from components.tts.snapshot_job import names
from ops import snapshot_cluster, snapshot_settings, snapshots, stack_file, workspace
from ops.audit import Entry
from ops.errors import OpsError
from ops.release import committed
from ops.snapshot_commit import record
from ops.snapshot_restore import Plan
from ops.snapshots import app
from ops.workspace import OwnBackend
from tests.support import api_server, pages
from tests.support.api_server import Api

ROOT = Path(__file__).parents[2]
NAME = "cosyvoice-v1.4.1-20251220-0200"
OLD = "registry.example.com/speech/cosyvoice:1.4.1"
FROM_DISKS = {
    "storage": "ebs",
    "snapshots": "csi",
    "replicas": "1",
    "accessMode": "ReadWriteOnce",
    "rollout": "in-place",
}


def render(tree: Path, stack: str, check: bool) -> None:
    """Renders the setting and nothing else."""
    settings = stack_file.read(tree, stack).settings
    file = tree / f"manifests/{stack}/deployment-speech.yaml"
    text = f"claim: {settings.restore_from or 'outputs'}\nimage: {settings.image}\n"
    if check and file.read_text() != text:
        raise OpsError("manifests/prod is not what the code renders.")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


class Clone:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.notes: list[str] = []
        self.pins: list[bool] = []

    def git(self, *arguments: str) -> str:
        run = subprocess.run(
            ["git", *arguments], cwd=self.directory, capture_output=True, text=True, check=True
        )
        return run.stdout.strip()

    def note(self, what: str) -> Entry:
        self.notes.append(what)
        return Entry(what=what, who="ana@example.com")

    def restore(self, number: int = 1, *, pinned: bool = False, **settings: Any) -> str:
        restore = Restore(snapshot=NAME, number=number)
        plan = Plan(
            stack="prod",
            snapshot=NAME,
            taken=datetime(2025, 12, 20, 2, tzinfo=UTC),
            restore=restore,
            mounted={"outputs": "outputs"},
            claims=(restore.claim("outputs"),),
            settings={"restoreFrom": str(restore), **settings},
            before={},
            image="",
            taken_with="",
            image_id="docker.io/cosyvoice@sha256:abc",
            in_place=False,
            pinned=pinned,
        )
        who, why = "ana@example.com", "it mumbles"
        return record(self.directory, plan, who, why, None, render, self.note, self.pins.append).commit


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clone:
    for variable in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    (tmp_path / "gitconfig").write_text("[user]\n\tname = Ana\n\temail = ana@example.com\n")
    directory = tmp_path / "clone"
    directory.mkdir()
    (directory / "Pulumi.yaml").write_bytes((ROOT / "Pulumi.yaml").read_bytes())
    text = (ROOT / "Pulumi.prod.yaml").read_text()
    (directory / "Pulumi.prod.yaml").write_text(
        stack_file.with_settings(text, "Pulumi.prod.yaml", FROM_DISKS)
    )
    render(directory, "prod", check=False)
    made = Clone(directory)
    for command in ("init --quiet --initial-branch main", "add --all", "commit --quiet --message Settings"):
        made.git(*command.split())
    return made


def test_one_commit_has_the_setting_and_the_manifests(clone: Clone) -> None:
    commit = clone.restore()
    assert clone.git("diff", "--name-only", f"{commit}^", commit).splitlines() == [
        "Pulumi.prod.yaml",
        "manifests/prod/deployment-speech.yaml",
    ]
    changed = clone.git("diff", "--unified=0", f"{commit}^", commit, "--", "Pulumi.prod.yaml").splitlines()
    assert [line for line in changed if line[0] in "+-" and line[1] == " "] == [
        f"+  tts-platform:restoreFrom: {NAME}"
    ]
    assert f"claim: {NAME}" in clone.git("show", f"{commit}:manifests/prod/deployment-speech.yaml")


def test_its_message_says_who_when_why_and_from_what(clone: Clone) -> None:
    message = clone.git("log", "-1", "--format=%B", clone.restore())
    assert message.splitlines()[0] == f"prod: restored from {NAME}"
    for part in ("ana@example.com", "it mumbles", f"{NAME}, taken 2025-12-20T02:00:00Z", f"outputs-{NAME}"):
        assert part in message
    assert f"When   {datetime.now(UTC):%Y-%m-%d}" in message


def test_the_persons_own_files_and_branch_stay(clone: Clone) -> None:
    (clone.directory / "note.txt").write_text("mine")
    before = clone.git("status", "--porcelain"), clone.git("rev-parse", "HEAD")
    clone.restore()
    assert before == (clone.git("status", "--porcelain"), clone.git("rev-parse", "HEAD"))
    assert clone.git("branch", "--list", "restore/*").strip() == f"restore/prod-{NAME}"


def test_the_image_goes_back_in_the_same_commit(clone: Clone) -> None:
    commit = clone.restore(image=OLD, args=["--slow"])
    config = yaml.safe_load(clone.git("show", f"{commit}:Pulumi.prod.yaml"))["config"]
    assert (config["tts-platform:image"], config["tts-platform:args"]) == (OLD, ["--slow"])
    message = clone.git("log", "-1", "--format=%B", commit)
    assert f"Image  {OLD}, was " in message
    assert "Ran    docker.io/cosyvoice@sha256:abc" in message, "a tag may have been moved since"


def test_the_log_has_both_ends(clone: Clone) -> None:
    commit = clone.restore()
    assert clone.notes == ["restore asked", f"recorded in commit {commit[:12]} of restore/prod-{NAME}"]


def test_a_refusal_is_in_the_log_too(clone: Clone) -> None:
    clone.restore()
    with pytest.raises(OpsError, match="There is a branch restore/prod-"):
        clone.restore()
    assert clone.notes[-1].startswith("failed: There is a branch")
    clone.restore(number=2)


def test_the_schedule_keeps_it_for_as_long_as_a_review_takes(clone: Clone) -> None:
    clone.restore()
    assert clone.pins == [True]


def test_a_pin_of_a_restore_that_came_to_nothing_goes(clone: Clone) -> None:
    clone.restore()
    clone.pins.clear()
    with pytest.raises(OpsError):
        clone.restore()
    assert clone.pins == [True, False]


def test_a_persons_own_pin_is_left_alone(clone: Clone) -> None:
    clone.restore(pinned=True)
    with pytest.raises(OpsError):
        clone.restore(pinned=True)
    assert clone.pins == []


class TestCommand:
    """The whole of it, on a cluster that is played."""

    @pytest.fixture
    def api(self, clone: Clone, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
        for module in (snapshot_cluster, snapshot_settings, snapshots, workspace):
            monkeypatch.setattr(module, "CHECKOUT", clone.directory)
        said = json.dumps({"namespace": "tts", "deployment": "speech"})
        done = subprocess.CompletedProcess((), 0, said, "")
        monkeypatch.setattr(OwnBackend, "run", lambda *_, **__: done)
        monkeypatch.setattr(snapshots, "render_as_committed", render)
        with api_server.running() as api:
            monkeypatch.setattr(snapshot_cluster, "_api", lambda *_: api.client)
            claim = {"name": "outputs", "persistentVolumeClaim": {"claimName": "outputs"}}
            template = {"spec": {"containers": [{"name": "speech"}], "volumes": [claim]}}
            spec = {"selector": {}, "template": template}
            api.add("deployments", {"metadata": {"name": "speech"}, "spec": spec})
            labels = {names.SNAPSHOT: NAME, names.VOLUME: "outputs", names.STACK: "prod"}
            notes = {names.TAKEN: "2025-12-20T02:00:00Z", names.VOLUMES: "outputs"}
            api.add(
                "volumesnapshots",
                {
                    "metadata": {"name": f"{NAME}-outputs", "labels": labels, "annotations": notes},
                    "status": {"readyToUse": True, "restoreSize": "2Gi"},
                },
            )
            yield api

    def run(self, asked: str = "y\n") -> Result:
        return CliRunner().invoke(app, ["restore", "prod", NAME, "--why", "it mumbles"], input=asked)

    def pinned(self, api: Api) -> bool:
        return "keep" in api.objects["volumesnapshots"][f"{NAME}-outputs"]["metadata"]["labels"]

    def test_what_is_restored_later_is_kept_until_then(self, api: Api, clone: Clone) -> None:
        result = self.run()
        assert result.exit_code == 0, result.exception
        assert self.pinned(api), "a review takes a week, and the schedule keeps seven days"
        assert f"make pin STACK=prod SNAPSHOT={NAME} OFF=1" in result.stdout
        assert clone.git("branch", "--list", "restore/*").strip() == f"restore/prod-{NAME}"
        (page,) = api.objects["configmaps"].values()
        said = [json.loads(text)["what"].partition(" in commit")[0] for text in page["data"].values()]
        assert said == ["restore asked", "recorded"]

    def test_one_that_a_person_made_of_a_handle_is_restored_too(self, api: Api, clone: Clone) -> None:
        made = pages.objects("snapshots.md")[3]
        api.add("volumesnapshots", {**made, "status": {"readyToUse": True, "restoreSize": "2Gi"}})
        result = CliRunner().invoke(
            app, ["restore", "prod", "lost", "--why", "the namespace went"], input="y\n"
        )
        assert result.exit_code == 0, f"docs/snapshots.md promises it: {result.exception}"
        assert "everything since 2025-12-20 02:00 UTC" in result.stderr
        assert "restoreFrom: lost" in clone.git("show", "restore/prod-lost:Pulumi.prod.yaml")

    def test_one_that_goes_while_a_person_thinks_is_refused(
        self, api: Api, clone: Clone, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def confirm(*_: Any, **__: Any) -> None:
            api.objects["volumesnapshots"].clear()

        monkeypatch.setattr("typer.confirm", confirm)
        assert "There is no snapshot" in str(self.run().exception)
        assert "configmaps" not in api.objects
        assert clone.git("branch", "--list", "restore/*") == ""

    def test_what_the_commit_stands_on_decides(self, api: Api, clone: Clone) -> None:
        file = clone.directory / "Pulumi.prod.yaml"
        clone.git("switch", "--quiet", "--create", "small")
        file.write_text(stack_file.with_settings(file.read_text(), file.name, {"outputsSize": "1Gi"}))
        render(clone.directory, "prod", check=False)
        clone.git("commit", "--quiet", "--all", "--message", "Small")
        file.write_text(clone.git("show", f"main:{file.name}") + "\n")
        assert "set outputsSize to 2Gi" in str(self.run().exception), "the new claim would never be made"
        assert not self.pinned(api)

    def test_a_log_that_refuses_stops_it(self, api: Api, clone: Clone) -> None:
        api.refused["POST", "configmaps"] = 403
        assert "audit log cannot be written" in str(self.run().exception)
        assert not self.pinned(api)
        assert clone.git("branch", "--list", "restore/*") == ""


class TestCommitted:
    """What a plan goes by."""

    def test_the_working_tree_does_not_count(self, clone: Clone) -> None:
        file = clone.directory / "Pulumi.prod.yaml"
        before = committed(clone.directory, "prod", None)
        file.write_text(stack_file.with_settings(file.read_text(), file.name, {"restoreFrom": "mine"}))
        assert committed(clone.directory, "prod", None) == before, "the commit would not have it"
        clone.git("switch", "--quiet", "--create", "other")
        clone.git("commit", "--quiet", "--all", "--message", "Mine")
        assert committed(clone.directory, "prod", None)["restoreFrom"] == "mine"
        assert committed(clone.directory, "prod", "main") == before, (
            "the branch that is named is what it stands on"
        )

    def test_a_stack_that_no_commit_has_is_said(self, clone: Clone) -> None:
        with pytest.raises(OpsError, match=r"There is no stack next at .*: commit Pulumi\.next\.yaml\.$"):
            committed(clone.directory, "next", None)


class TestOwnBackend:
    @pytest.fixture
    def backend(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OwnBackend:
        monkeypatch.setattr("ops.workspace.CHECKOUT", tmp_path)
        monkeypatch.setattr("ops.workspace.STATE", tmp_path / "state")
        (tmp_path / "Pulumi.dev.yaml").write_bytes(b"# Ours.\r\nconfig:\r\n  tts-platform:image: a:1\r\n")
        return OwnBackend("dev")

    def test_one_line_of_the_committed_file_changes(self, backend: OwnBackend) -> None:
        backend.settle({"restoreFrom": NAME})
        assert backend.config_file.read_bytes() == (
            b"# Ours.\r\nconfig:\r\n  tts-platform:image: a:1\r\n  tts-platform:restoreFrom: "
            + NAME.encode()
            + b"\r\n"
        )

    def test_a_second_command_is_refused(self, backend: OwnBackend) -> None:
        with (
            backend.locked(),
            pytest.raises(OpsError, match="Another command works on stack dev"),
            backend.locked(),
        ):
            pass
