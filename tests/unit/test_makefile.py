"""What a person writes behind a target reaches the program as it is, and runs nothing."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STAND_IN = """#!/bin/sh
[ "$3" = tools ] && exec echo /nowhere
for argument; do printf '%s\\n' "$argument"; done
"""


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """A venv whose Python prints its arguments, one a line."""
    (tmp_path / "bin").mkdir()
    for name in ("python", "kubectl", "pulumi"):
        program = tmp_path / "bin" / name
        program.write_text(STAND_IN)
        program.chmod(0o755)
    (tmp_path / ".installed").touch()
    return tmp_path


def make(venv: Path, *arguments: str, **environment: str) -> list[str]:
    path = f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}"
    run = subprocess.run(
        ["make", "--silent", f"VENV={venv}", *arguments],
        cwd=ROOT,
        env={"PATH": path, "HOME": "/home/somebody", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


HOSTILE = [
    "x:1; echo hi",
    "`echo hi`",
    "$(echo hi)",
    "$(shell echo hi)",
    "x' hi \"",
    "a && echo hi",
    "costs $5",
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize(
    ("target", "variables"),
    [
        ("release", ["STACK", "IMAGE", "BRANCH"]),
        ("rollback", ["STACK", "TO", "BRANCH"]),
        ("render", ["STACK"]),
        ("preview", ["STACK", "FORMAT", "BASE"]),
        ("touched", ["BASE"]),
        ("comment", ["PULL_REQUEST", "FILE"]),
        ("comments", ["PULL_REQUEST", "COMMENTS", "STACKS", "OF"]),
        ("deploy", ["STACK"]),
        ("drift", ["STACK"]),
        ("destroy", ["STACK"]),
        ("diff-stacks", ["FROM", "TO"]),
        ("snapshots", ["STACK", "NAME"]),
        ("snapshot", ["STACK", "NAME", "WHY"]),
        ("restore", ["STACK", "NAME", "SNAPSHOT", "WHY", "BRANCH"]),
        ("pin", ["STACK", "NAME", "SNAPSHOT", "WHY"]),
        ("prune", ["STACK", "NAME", "DAYS", "WHY"]),
        ("audit", ["STACK", "NAME"]),
        ("ephemeral", ["STACK", "NAME", "TRIAL", "TTL", "IMAGE"]),
        ("ephemeral-list", ["STACK", "NAME"]),
        ("ephemeral-extend", ["STACK", "NAME", "TRIAL", "TTL"]),
        ("ephemeral-down", ["STACK", "NAME", "TRIAL"]),
        ("reap", ["STACK", "NAME", "PULL_REQUESTS"]),
        ("down", ["NAME"]),
        ("status", ["NAME"]),
        ("up", ["CONTEXT", "PORT"]),
        ("down", ["CONTEXT"]),
        ("status", ["CONTEXT"]),
    ],
)
def test_it_is_one_argument_letter_by_letter(
    venv: Path, target: str, variables: list[str], text: str
) -> None:
    said = make(venv, target, *(f"{name}={text}" for name in variables))
    found = [
        line.removeprefix(option) for line in said for option in ("", *OPTIONS) if line.startswith(option)
    ]
    assert found.count(text) >= len(variables)
    assert "hi" not in said, "a pipeline that passes an image on would run whatever somebody calls it"


def test_nothing_is_let_go_or_deleted_unasked_but_by_a_word(venv: Path) -> None:
    pin = ("pin", "STACK=prod", "SNAPSHOT=x")
    assert "--off" not in make(venv, *pin), "the schedule would delete what somebody keeps"
    assert "--off" in make(venv, *pin, "OFF=1")
    prune = ("prune", "STACK=prod", "DAYS=90")
    assert "--yes" not in make(venv, *prune), "data would go for good before anybody has seen of what"
    assert "--yes" in make(venv, *prune, "YES=1")


def test_data_is_let_go_by_one_word_only(venv: Path) -> None:
    preview = ("preview", "STACK=prod", "FORMAT=markdown")
    for word in ("", "0", "no", "false"):
        assert "--allow-data-loss" not in make(venv, *preview, f"ALLOW_DATA_LOSS={word}"), "no would mean yes"
    assert "--allow-data-loss" in make(venv, *preview, "ALLOW_DATA_LOSS=1")


def test_the_policies_are_asked_unless_told_otherwise(venv: Path) -> None:
    preview = ("preview", "STACK=prod")
    assert "--no-policies" not in make(venv, *preview)
    assert "--no-policies" in make(venv, *preview, "POLICIES=0")


OPTIONS = (
    "--image=",
    "--branch=",
    "--to=",
    "--name=",
    "--why=",
    "--older-than=",
    "--format=",
    "--base=",
    "--pull-request=",
    "--stacks=",
    "--of=",
    "--pull-requests=",
    "--stack=",
    "--platform=",
    "--cluster=",
    "--ttl=",
)


def test_what_is_in_the_environment_will_do(venv: Path) -> None:
    assert make(venv, "render", STACK="prod")[-1] == "prod"


def test_there_are_defaults(venv: Path) -> None:
    assert "--name=default" in make(venv, "audit", "STACK=prod")
    assert "/home/somebody/.kube/config" in make(venv, "status", "CONTEXT=kind")
    assert "/elsewhere" in make(venv, "status", "CONTEXT=kind", KUBECONFIG="/elsewhere")
