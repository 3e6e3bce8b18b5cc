"""Stacks that have been deployed: their checkpoints, each written by a real `pulumi up` against the stand-in for AWS.

The Kubernetes provider of that update writes files, and asks no cluster. What the upstreams' manifests and charts hold
is left out: none of it is ours to keep in a checkpoint, and no comment is about it. They are made anew by
`python -m tests.engine.deployed`.
"""

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from tests.aws.account import Account
from tests.support.project import ROOT, Project

CHECKPOINTS = Path(__file__).parent / "checkpoints"

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
            # Their program is in a ConfigMap, three times in a checkpoint.
            "snapshots": "none",
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
    directory: Path, stack: str, changes: Mapping[str, Any] | None = None, code: str = ""
) -> Project:
    """A project whose stack is as its checkpoint says, with other settings, and with `code` ahead of the program."""
    project = _project(directory, stack, changes or {}, code)
    state = (CHECKPOINTS / f"{stack}.json").read_text(encoding="utf-8")
    imported = project.pulumi("stack", "import", "--stack", stack, stdin=state)
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


def _write(stack: str) -> None:
    with tempfile.TemporaryDirectory(prefix="tts-platform-checkpoint-") as directory, Account() as account:
        os.environ.update(account.environment)
        project = _project(Path(directory), stack, {}, "")
        done = project.pulumi("up", "--yes", "--skip-preview", "--stack", stack)
        if done.code != 0:
            sys.exit(done.output)
        state = json.loads(project.pulumi("stack", "export", "--stack", stack).output)
    for resource in state["deployment"]["resources"]:
        # Where in the code it stands, which moves with every edit.
        for key in ("sourcePosition", "stackTrace"):
            resource.pop(key, None)
    text = json.dumps(state, indent=1, ensure_ascii=False)
    (CHECKPOINTS / f"{stack}.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:] or SETTINGS:
        _write(name)
