"""The comments of real previews, as they are kept in `comments/`: what a reviewer reads, word by word.

`UPDATE_COMMENTS=1` writes them anew.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ops.preview.comment import LIMIT, marker
from ops.preview.gate import REFUSED
from tests.engine.deployed import SECRETS, deployed, secrets
from tests.support.project import ROOT, Finished, Project

COMMENTS = Path(__file__).parent / "comments"

ANOTHER_CLASS = """
import pulumi
from components import block_storage
first = block_storage.kubernetes.storage.v1.StorageClass
def faster(name, **arguments):
    return first(name, **{**arguments, "parameters": {"type": "io2", "encrypted": "true"}})
block_storage.kubernetes.storage.v1.StorageClass = faster
"""

NO_ROUTE = """
from components.tts import service
service.TtsService._route = lambda self, _: None
"""

NO_CLAIM = """
from components.tts import storage
storage.Storage._claim = lambda self, claim, *_: claim
"""


ANOTHER_FILE_SYSTEM = """
import pulumi_aws as aws
first = aws.efs.FileSystem
def faster(name, **arguments):
    return first(name, **{**arguments, "performance_mode": "maxIO"})
aws.efs.FileSystem = faster
"""

FILES = """\
Pulumi warns:

```
rendered YAML will contain a secret value in plaintext
```

"""
"""What only the provider of these tests has to say, since it writes files."""

FILE_SYSTEM = re.compile("fs-[0-9a-f]{8,}")
"""Another one at each update of the stand-in."""

A_TOKEN = "zyxwvutsr-98765"  # noqa: S105 - so unlikely that no comment has it by chance


@dataclass(frozen=True, kw_only=True)
class Case:
    """A change that somebody makes."""

    stack: str = "dev"
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    code: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict[str, str])
    manifests: Callable[[str], str] | None = None
    """What becomes of the Deployment that Argo CD applies."""

    policies: bool = False
    """Whether the policy pack is asked. It takes its time, and what it says is its own tests'."""

    ends: int = 0
    """The exit code."""


def _replaced(before: str, after: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert before in text
        return text.replace(before, after)

    return change


CASES = {
    "nothing": Case(),
    "image-bump": Case(settings={"image": "registry.acme.dev/speech/cosyvoice:1.5.0"}),
    "image-bump-by-git": Case(
        stack="prod",
        settings={"image": "registry.acme.dev/speech/cosyvoice:1.5.0"},
        manifests=_replaced("cosyvoice:1.4.2", "cosyvoice:1.5.0"),
    ),
    "replica-change": Case(
        stack="prod",
        settings={"replicas": "3", "gpuNodes": "4", "gpuNodesMax": "5"},
        manifests=_replaced("replicas: 2", "replicas: 3"),
    ),
    "storage-growth": Case(settings={"outputsSize": "100Gi"}),
    # Without a class the engine takes the claim away too.
    "storage-class-change": Case(code=ANOTHER_CLASS, ends=REFUSED),
    "storage-class-change-refused": Case(settings={"storage": "efs", "accessMode": "ReadWriteMany"}, ends=1),
    "domain-change": Case(settings={"domain": "speech.acme.dev"}),
    "node-pool-instance-type": Case(settings={"gpuInstanceTypes": ["g6.2xlarge"]}),
    "route-removed": Case(code=NO_ROUTE),
    "secret-change": Case(stack="prod", secrets={"gitToken": A_TOKEN}),
    "claim-removed": Case(code=NO_CLAIM, ends=REFUSED),
    "last-gpu-node-gone": Case(settings={"gpuNodes": "0"}, ends=REFUSED),
    "file-system-replaced": Case(stack="prod", code=ANOTHER_FILE_SYSTEM, ends=1),
    "policy-broken": Case(settings={"image": "docker.io/somebody/cosyvoice:1.5.0"}, policies=True, ends=1),
    "broken-program": Case(code="raise ValueError('a slip in components/')\n", ends=1),
}


def review(project: Project, stack: str, *arguments: str) -> tuple[Finished, str]:
    """What `ops preview` does in the project: its end and its error stream, and what it prints."""
    shutil.copytree(ROOT / "ops", project.directory / "ops", ignore=shutil.ignore_patterns("__pycache__"))
    run = subprocess.run(
        [sys.executable, "-m", "ops", "preview", *arguments, "--", stack],
        cwd=project.directory,
        env=project.environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Finished(run.returncode, run.stderr), run.stdout


def with_manifests(project: Project, stack: str, change: Callable[[str], str]) -> None:
    """Git, with the stack's manifests as they were and as they are."""
    place = project.directory / "manifests" / stack
    shutil.copytree(ROOT / "manifests" / stack, place)
    deployment = place / "deployment-speech.yaml"
    commands = (
        ["git", "init", "--quiet", "--initial-branch", "main"],
        ["git", "add", "manifests"],
        [
            "git",
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@localhost",
            "commit",
            "--quiet",
            "--message",
            "as it was",
        ],
    )
    for command in commands:
        subprocess.run(command, cwd=project.directory, check=True, capture_output=True)
    deployment.write_text(change(deployment.read_text(encoding="utf-8")), encoding="utf-8")


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("name", CASES)
def test_the_comment_is_the_one_that_is_kept(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    case = CASES[name]
    directory = tmp_path / "deployed"
    directory.mkdir()
    # A worker's own directory is in the run's.
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    there = deployed(directory, shared, case.stack, case.settings, case.code)
    secrets(there, case.stack, case.secrets)
    arguments = ["--format", "markdown"]
    if case.policies:
        (directory / "policy").symlink_to(ROOT / "policy")
    else:
        arguments.append("--no-policies")
    if case.manifests is not None:
        with_manifests(there, case.stack, case.manifests)
        arguments += ["--base", "main"]
    finished, text = review(there, case.stack, *arguments)
    text = FILE_SYSTEM.sub("fs-0123456789abcdef0", text.replace(FILES, ""))
    assert finished.code == case.ends, finished.output + text
    assert text.startswith(f"{marker(case.stack)}\n"), "by it the comment is found, and edited in place"
    assert len(text.encode()) < LIMIT
    for secret in (A_TOKEN, *SECRETS["prod"].values()):
        assert secret not in text, "whoever can read the repository can read its comments"
    kept = COMMENTS / f"{name}.md"
    if os.environ.get("UPDATE_COMMENTS"):
        kept.write_text(text, encoding="utf-8")
    assert text == kept.read_text(encoding="utf-8"), "see what has changed, then UPDATE_COMMENTS=1 keeps it"
