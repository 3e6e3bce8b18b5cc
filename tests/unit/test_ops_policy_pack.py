"""The pack is ready before a preview asks it."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ops import policy_pack
from ops.errors import OpsError


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """What would be run to install the pack at `tmp_path`, which the preview is given."""
    run: list[list[str]] = []

    def record(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        run.append(command)
        (tmp_path / ".venv").mkdir(exist_ok=True)
        return subprocess.CompletedProcess(command, 0, "", "")

    (tmp_path / "requirements.txt").write_text("one==1\n")
    monkeypatch.setattr(subprocess, "run", record)
    monkeypatch.setattr(policy_pack, "PACK", tmp_path)
    monkeypatch.setattr(policy_pack, "CONFIG", tmp_path / "config.json")
    monkeypatch.setenv("PATH", "/bin")
    return run


def test_it_is_installed_once(commands: list[list[str]]) -> None:
    policy_pack.ready()
    assert [command[2] for command in commands] == ["venv", "pip"]
    policy_pack.ready()
    assert len(commands) == 2, "every preview would install it anew"


def test_other_pins_are_installed(commands: list[list[str]], tmp_path: Path) -> None:
    policy_pack.ready()
    (tmp_path / "requirements.txt").write_text("one==2\n")
    policy_pack.ready()
    assert len(commands) == 4, "the rules would run on what was pinned before"


def test_a_failure_is_said_in_one_line_and_tried_again(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", "Traceback\nno network\n")

    with monkeypatch.context() as broken:
        broken.setattr(subprocess, "run", fail)
        with pytest.raises(OpsError, match=r"packages cannot be installed: no network$"):
            policy_pack.ready()
    policy_pack.ready()
    assert commands, "half an installation would be taken for a whole one"


@pytest.mark.usefixtures("commands")
def test_the_engine_finds_what_starts_it(tmp_path: Path) -> None:
    policy_pack.ready()
    assert policy_pack.ready() == ["--policy-pack", str(policy_pack.RUNNER)]
    assert os.environ["PATH"] == f"{policy_pack.RUNNER}{os.pathsep}/bin", (
        "the engine would find no such runtime"
    )
    (tmp_path / "config.json").write_text("{}")
    assert policy_pack.ready()[2:] == ["--policy-pack-config", str(tmp_path / "config.json")]


def test_the_runner_is_the_same_pack() -> None:
    runner = policy_pack.RUNNER / "pulumi-analyzer-policy-runner"
    assert os.access(runner, os.X_OK)
    assert (policy_pack.RUNNER / "PulumiPolicy.yaml").read_text().endswith("runtime: runner\n"), (
        "the engine looks for pulumi-analyzer-policy-RUNTIME"
    )
