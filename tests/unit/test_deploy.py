"""An update asks the policy pack as well: what no preview could know is decided there."""

import os

import pytest
from typer.testing import CliRunner

from ops import policy_pack, pull_requests
from ops.__main__ import app
from ops.errors import OpsError


@pytest.fixture
def become(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What a command would have become."""
    programs: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _, command: programs.append(command))
    monkeypatch.setattr(policy_pack, "ready", lambda: ["--policy-pack", "policy/runner"])
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")
    return programs


def test_an_update_asks_the_pack(become: list[list[str]]) -> None:
    pull_requests.deploy("dev")
    (command,) = become
    assert command[:2] == ["/bin/pulumi", "up"]
    assert command[-2:] == ["--policy-pack", "policy/runner"], (
        "a rule that met an unknown would never be decided"
    )
    assert {"--yes", "--non-interactive", "--skip-preview"} <= set(command), "nobody is there to answer"
    assert command[command.index("--stack") + 1] == "dev"


def test_a_stack_that_is_not_there_is_refused_before_anything_runs(become: list[list[str]]) -> None:
    with pytest.raises(OpsError, match="no stack staging"):
        pull_requests.deploy("staging")
    assert not become


def test_it_is_a_command(become: list[list[str]]) -> None:
    assert CliRunner().invoke(app, ["deploy", "--", "prod"]).exit_code == 0
    assert become, "make deploy would fail on GitHub first"


def test_without_the_engine_it_is_one_line(become: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(OpsError, match="not on PATH"):
        pull_requests.deploy("dev")
    assert not become
