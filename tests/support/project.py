"""The real project in a directory of its own, driven by the real pulumi."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ops import own_state

ROOT = Path(__file__).parents[2]

_PROGRAM = ("__main__.py", "Pulumi.yaml", "components", "stacks", "requirements.txt")


@dataclass(frozen=True)
class Finished:
    """What a pulumi command left."""

    code: int
    output: str
    """stdout and stderr, as a person sees them."""


class Project:
    """A copy whose stacks' files, state and home are its own: tests change them, and run beside each other."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for name in _PROGRAM:
            (directory / name).symlink_to(ROOT / name)
        self.state = directory / "state"
        self.state.mkdir()
        # Upstreams are the person's own cache: HOME is moved, so that no kubeconfig of theirs is ever found.
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        # The stand-in for the AWS provider; a preview of it needs no account.
        path = f"{ROOT / 'tests' / 'aws' / 'bin'}{os.pathsep}{os.environ['PATH']}"
        self.environment = {
            **os.environ,
            **own_state.environment(self.state, aws=True, path=path),
            "PATH": path,
            "HOME": str(directory),
            "XDG_CACHE_HOME": str(cache),
            "PULUMI_CONFIG_PASSPHRASE": "for tests",
        }
        self.environment.pop("KUBECONFIG", None)

    def pulumi(self, *arguments: str, stdin: str | None = None) -> Finished:
        """Runs one command to its end."""
        finished = subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self.directory,
            env=self.environment,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        return Finished(finished.returncode, finished.stdout)

    def stack(self, name: str, changes: Mapping[str, Any] | None = None) -> None:
        """Makes the stack as committed, with `changes` to its config; None takes a key out."""
        committed = ROOT / f"Pulumi.{name}.yaml"
        document = (
            yaml.safe_load(committed.read_text(encoding="utf-8")) if committed.exists() else {"config": {}}
        )
        for key, value in (changes or {}).items():
            document["config"][f"tts-platform:{key}"] = value
        document["config"] = {key: value for key, value in document["config"].items() if value is not None}
        (self.directory / f"Pulumi.{name}.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
        created = self.pulumi("stack", "init", name)
        assert created.code == 0, created.output

    def preview(self, name: str) -> Finished:
        return self.pulumi("preview", "--stack", name)

    def previewed(self, name: str) -> list[dict[str, Any]]:
        """The new state of every resource that a preview lists."""
        finished = subprocess.run(
            ["pulumi", "preview", "--stack", name, "--json", "--non-interactive"],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return [step["newState"] for step in json.loads(finished.stdout)["steps"] if "newState" in step]

    def snapshot(self) -> dict[str, bytes]:
        """Every stack's state, byte for byte."""
        stacks = self.state / ".pulumi" / "stacks"
        return {str(file.relative_to(stacks)): file.read_bytes() for file in stacks.rglob("*.json")}
