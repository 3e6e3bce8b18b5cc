"""The commands around `pulumi up`."""

import json
import os
import shutil
from pathlib import Path

import psutil
import pytest
import yaml

from ops import settings_table, workspace
from ops.errors import OpsError
from ops.workspace import CHECKOUT, Workspace


def test_the_page_of_settings_lists_every_key_as_it_is_declared() -> None:
    page = (CHECKOUT / "docs" / "settings.md").read_text()
    assert page == settings_table.with_table(page, CHECKOUT / "Pulumi.yaml"), "run make fmt"
    for key in yaml.safe_load((CHECKOUT / "Pulumi.yaml").read_text())["config"]:
        assert f"| `{key}` |" in page


class TestWorkspace:
    @pytest.fixture
    def calls(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
        made: list[tuple[str, ...]] = []
        monkeypatch.setattr(Workspace, "run", lambda _self, *arguments, **_: made.append(arguments))
        return made

    def test_the_committed_settings_are_copied_never_changed(
        self, tmp_path: Path, calls: list[tuple[str, ...]]
    ) -> None:
        committed = (CHECKOUT / "Pulumi.local.yaml").read_text()
        stack = Workspace(stack="local", directory=tmp_path)
        stack.prepare({"httpsPort": 9443})
        assert (CHECKOUT / "Pulumi.local.yaml").read_text() == committed
        config = yaml.safe_load(stack.config_file.read_text())["config"]
        assert config["tts-platform:httpsPort"] == 9443
        assert config["tts-platform:engine"] == "espeak"
        assert calls == [("stack", "init", "local")]

    @pytest.mark.usefixtures("calls")
    def test_the_salt_of_the_secrets_survives(self, tmp_path: Path) -> None:
        stack = Workspace(stack="local", directory=tmp_path)
        stack.prepare({})
        stack.config_file.write_text(stack.config_file.read_text() + "encryptionsalt: v1:salt\n")
        passphrase = (tmp_path / "passphrase").read_text()
        stack.prepare({"httpsPort": 9443})
        assert yaml.safe_load(stack.config_file.read_text())["encryptionsalt"] == "v1:salt", (
            "the stack's secrets could not be read any more"
        )
        assert (tmp_path / "passphrase").read_text() == passphrase

    @pytest.mark.usefixtures("calls")
    def test_the_passphrase_is_for_its_owner_alone(self, tmp_path: Path) -> None:
        Workspace(stack="local", directory=tmp_path).prepare({})
        assert (tmp_path / "passphrase").stat().st_mode & 0o077 == 0

    def lock_file(self, directory: Path, pid: int) -> Path:
        file = directory / "state/.pulumi/locks/organization/tts-platform/local/lock.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps({"pid": pid}))
        return file

    def test_what_a_killed_pulumi_locked_is_free_again(self, tmp_path: Path) -> None:
        lock = self.lock_file(tmp_path, 2**22 + 1)
        with Workspace(stack="local", directory=tmp_path).locked():
            assert not lock.exists(), "every make up after a kill would fail"

    def test_a_running_pulumi_is_waited_for(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        lock = self.lock_file(tmp_path, os.getpid())
        monkeypatch.setattr(psutil.Process, "name", lambda _: "pulumi")
        with (
            pytest.raises(OpsError, match="still works on stack local: wait"),
            Workspace(stack="local", directory=tmp_path).locked(),
        ):
            pass
        assert lock.exists(), "two engines would write one state"

    def test_a_second_command_is_refused(self, tmp_path: Path) -> None:
        stack = Workspace(stack="local", directory=tmp_path)
        with (
            stack.locked(),
            pytest.raises(OpsError, match="Another command works on stack local"),
            stack.locked(),
        ):
            pass

    def test_stacks_of_clusters_and_of_contexts_are_kept_apart(self) -> None:
        directories = [
            workspace.embedded("default").directory,
            workspace.of_context("default").directory,
            workspace.of_context("default/api-x:6443/me").directory,
        ]
        assert len({*directories}) == len(directories), "one cluster's state would be taken for another's"
        assert not any(a in b.parents for a in directories for b in directories), (
            "one would be forgotten with another"
        )

    def test_a_missing_pulumi_is_said_in_one_line(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(shutil, "which", lambda _: None)
        with pytest.raises(OpsError, match="pulumi is not on PATH: run make up"):
            Workspace(stack="local", directory=tmp_path).run("up")


def test_settings_that_are_no_yaml_are_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "CHECKOUT", tmp_path)
    (tmp_path / "Pulumi.local.yaml").write_text("config:\n  tts-platform:outputsSize: [50Gi\n")
    with pytest.raises(
        OpsError, match=r"Pulumi\.local\.yaml is not YAML: .*line 3.* Mend the line"
    ) as refused:
        Workspace(stack="local", directory=tmp_path / "stack").prepare({})
    assert "\n" not in str(refused.value)
