"""Ephemeral stacks on dev's platform, as workflows and colleagues have them: machines that share a backend alone."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.support.ephemeral import A_MOMENT_AGO, Commands
from tests.support.project import ROOT


@dataclass
class Machine(Commands):
    """The commands with a home of its own, in a backend that others use as well."""

    backend: Path

    @property
    def place(self) -> Path:
        return self.directory / "state/tts-platform/stacks/ephemeral"

    @property
    def stacks(self) -> list[str]:
        found = (self.backend / ".pulumi/stacks/tts-platform").glob("ephemeral-*.json")
        return sorted(file.stem.removeprefix("ephemeral-") for file in found)

    @property
    def environment(self) -> dict[str, str]:
        return {
            **super().environment,
            "PULUMI_BACKEND_URL": f"file://{self.backend}",
            "PULUMI_CONFIG_PASSPHRASE": "of the team",
        }

    def _platform(self) -> None:
        """Stack dev, as an update leaves it that has made a cluster: the played API."""
        (self.program / "policy").symlink_to(ROOT / "policy")
        stacks = self.backend / ".pulumi/stacks/tts-platform"
        if stacks.exists():
            return
        stacks.mkdir(parents=True)
        (self.backend / ".pulumi/meta.yaml").write_text("version: 1\n")
        kubeconfig = yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "contexts": [{"name": "it", "context": {"cluster": "it", "user": "me"}}],
                "clusters": [{"name": "it", "cluster": {"server": self.api.url}}],
                "users": [{"name": "me", "user": {}}],
                "current-context": "it",
            }
        )
        root = {
            "urn": "urn:pulumi:dev::tts-platform::pulumi:pulumi:Stack::tts-platform-dev",
            "custom": False,
            "type": "pulumi:pulumi:Stack",
            "outputs": {"cluster_server": self.api.url, "kubeconfig": kubeconfig},
        }
        manifest = {"time": "2026-01-01T00:00:00Z", "magic": "", "version": "v3.259.0"}
        checkpoint = {
            "stack": "organization/tts-platform/dev",
            "latest": {"manifest": manifest, "resources": [root]},
        }
        (stacks / "dev.json").write_text(json.dumps({"version": 3, "checkpoint": checkpoint}))

    def command(self, *arguments: str) -> list[str]:
        return [{"local": "dev"}.get(argument, argument) for argument in super().command(*arguments)]

    def file(self, name: str) -> Path:
        """Where the state of an ephemeral stack is."""
        return self.backend / f".pulumi/stacks/tts-platform/ephemeral-{name}.json"

    def state(self, name: str) -> dict[str, Any]:
        """What it says."""
        latest: dict[str, Any] = json.loads(self.file(name).read_text())["checkpoint"]["latest"]
        return latest

    def expire(self, *names: str) -> None:
        for name in names:
            state = json.loads(self.file(name).read_text())
            for item in state["checkpoint"]["latest"]["resources"]:
                if item["type"].endswith(":EndOfLife"):
                    item["inputs"]["expires"] = A_MOMENT_AGO
            self.file(name).write_text(json.dumps(state))
