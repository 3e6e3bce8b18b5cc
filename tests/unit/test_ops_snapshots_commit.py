"""A restore of a stack that Argo CD delivers: one commit, reviewed and pushed like any other."""

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.tts.restore import Restore
from ops import stack_file
from ops.audit import Entry
from ops.errors import OpsError
from ops.snapshot_restore import Plan, record
from ops.workspace import OwnBackend

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

    def git(self, *arguments: str) -> str:
        run = subprocess.run(
            ["git", *arguments], cwd=self.directory, capture_output=True, text=True, check=True
        )
        return run.stdout.strip()

    def note(self, what: str) -> Entry:
        self.notes.append(what)
        return Entry(what=what, who="ana@example.com")

    def restore(self, number: int = 1, **settings: Any) -> str:
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
        )
        return record(self.directory, plan, "ana@example.com", "it mumbles", None, render, self.note).commit


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
    assert f"Image  {OLD}, was " in clone.git("log", "-1", "--format=%B", commit)


def test_the_log_has_both_ends(clone: Clone) -> None:
    commit = clone.restore()
    assert clone.notes == ["restore asked", f"recorded in commit {commit[:12]} of restore/prod-{NAME}"]


def test_a_refusal_is_in_the_log_too(clone: Clone) -> None:
    clone.restore()
    with pytest.raises(OpsError, match="There is a branch restore/prod-"):
        clone.restore()
    assert clone.notes[-1].startswith("failed: There is a branch")
    clone.restore(number=2)


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
