"""The workflows, read by actionlint as GitHub would read them."""

import os
import subprocess
from pathlib import Path

import pytest
from rich.console import Console

from local import toolchain
from local.errors import LocalError
from tests.support.project import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.fixture(scope="module")
def actionlint() -> Path:
    try:
        return toolchain.ensure(Console(stderr=True), "checks") / "actionlint"
    except LocalError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))


def lint(actionlint: Path, *files: Path) -> tuple[int, str]:
    # Scripts are shellcheck's to read, which this machine need not have.
    command = [str(actionlint), "-no-color", "-shellcheck=", "-pyflakes=", *map(str, files)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return run.returncode, run.stdout + run.stderr


def test_github_takes_every_workflow(actionlint: Path) -> None:
    assert WORKFLOWS
    code, said = lint(actionlint, *WORKFLOWS)
    assert code == 0, said


def test_a_mistake_is_found(actionlint: Path, tmp_path: Path) -> None:
    text = (ROOT / ".github" / "workflows" / "preview.yml").read_text(encoding="utf-8")
    broken = tmp_path / "broken.yml"
    broken.write_text(text.replace("needs.check.outputs.stacks != '[]'", "needs.check.outputs.stack != '[]'"))
    code, said = lint(actionlint, broken)
    assert code != 0, "a job that waits for an output that nobody sets is never run"
    assert 'property "stack" is not defined' in said
