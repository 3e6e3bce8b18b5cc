"""Stacks that have been deployed: their checkpoints, each written by a real `pulumi up` against the stand-in for AWS.

The Kubernetes provider of that update writes files, and asks no cluster. What the upstreams' manifests and charts hold
is left out: it is the most of an update, and no comment is about it.
"""

import fcntl
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from tests.aws.account import Account
from tests.support.project import ROOT, Project

PROGRAM: Final = f"""\
import runpy
import sys

import pulumi_kubernetes as kubernetes

sys.path.insert(0, {str(ROOT)!r})
from components import cluster, delivery_check
from components.upstream import install as upstream

install = upstream.install
KEPT = ("Namespace", "PodDisruptionBudget", "Secret")


def without_upstreams(name, objects, parent):
    return install(name, [item for item in objects if item["kind"] in KEPT], parent)


def files(name, kubeconfig, context):
    return kubernetes.Provider(name, render_yaml_to_directory="rendered")


upstream.install = without_upstreams
cluster._provider = files
delivery_check._checked = lambda application, *_: application
# CHANGES
runpy.run_path({str(ROOT / "__main__.py")!r}, run_name="__main__")
"""
"""The program, with what a machine without a cluster needs to run it. It goes on as the last line but one says."""

_COMMON: Final = {
    "acmeEmail": "platform@acme.dev",
    "apiCidrs": ["198.18.0.0/15"],
    "image": "registry.acme.dev/speech/cosyvoice:1.4.2",
}

SETTINGS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "dev": {
            **_COMMON,
            "domain": "tts-dev.acme.dev",
            "gpuInstanceTypes": ["g6.xlarge"],
        },
        "prod": {
            **_COMMON,
            "domain": "tts.acme.dev",
            "gitRepository": "https://git.acme.dev/tts-platform.git",
        },
    }
)
"""By stack: what its committed settings have otherwise."""

SECRETS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {"dev": {}, "prod": {"gitToken": "a-first-token"}}
)


def deployed(
    directory: Path, shared: Path, stack: str, changes: Mapping[str, Any] | None = None, code: str = ""
) -> Project:
    """A project whose stack is as its checkpoint says, with other settings, and with `code` ahead of the program.

    Whoever comes first writes the checkpoint into `shared`, for every worker of the run.
    """
    project = _project(directory, stack, changes or {}, code)
    imported = project.pulumi("stack", "import", "--stack", stack, stdin=_checkpoint(shared, stack))
    assert imported.code == 0, imported.output
    return project


def secrets(project: Project, stack: str, values: Mapping[str, str]) -> None:
    for key, value in values.items():
        done = project.pulumi("config", "set", "--stack", stack, "--secret", f"tts-platform:{key}", value)
        assert done.code == 0, done.output


def _project(directory: Path, stack: str, changes: Mapping[str, Any], code: str) -> Project:
    project = Project(directory)
    (directory / "__main__.py").unlink()
    (directory / "__main__.py").write_text(PROGRAM.replace("# CHANGES\n", code), encoding="utf-8")
    project.stack(stack, {**SETTINGS[stack], **changes})
    secrets(project, stack, SECRETS[stack])
    return project


def _checkpoint(shared: Path, stack: str) -> str:
    file = shared / f"{stack}.checkpoint.json"
    with (shared / f"{stack}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            _write(shared / f"{stack}.deployed", stack, file)
    return file.read_text(encoding="utf-8")


def _write(directory: Path, stack: str, file: Path) -> None:
    directory.mkdir()
    project = _project(directory, stack, {}, "")
    with Account() as account:
        project.environment.update(account.environment)
        done = project.pulumi("up", "--yes", "--skip-preview", "--stack", stack)
    assert done.code == 0, done.output
    file.write_text(project.pulumi("stack", "export", "--stack", stack).output, encoding="utf-8")
