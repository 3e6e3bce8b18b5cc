"""Ephemeral stacks without a cluster: the real engine and commands, a small program, and an API that is played."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from tests.support import api_server
from tests.support.api_server import Api
from tests.support.project import ROOT

A_MOMENT_AGO = (datetime.now(UTC) - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
"""An end that whoever works on the stack has not outlived for long."""

PROGRAM = """
import os, time
from pathlib import Path
import pulumi
from components.end_of_life import EndOfLife
from stacks import config
from stacks.ephemeral_settings import moment_text

stack = config.current()
end = EndOfLife("end-of-life", moment_text(stack.ephemeral.expires), config.written())
pulumi.export("url", f"https://{stack.authority}/")
hold = Path(os.environ["HOLD"]) / pulumi.get_stack()

def wait(_):
    if hold.exists() and not pulumi.runtime.is_dry_run():
        hold.with_suffix(".reached").touch()
        for _ in range(6000):
            if not hold.exists():
                break
            time.sleep(0.1)

end.urn.apply(wait)
"""
"""The program but for its objects; it waits while there is a file of the stack's name."""


@dataclass
class Commands:
    """`python -m ops ephemeral`, with a home, a platform and a program of its own."""

    directory: Path
    api: Api

    def __post_init__(self) -> None:
        self.program.mkdir()
        for part in ("components", "stacks"):
            (self.program / part).symlink_to(ROOT / part)
        # The commands run the program of the checkout that they are in.
        shutil.copytree(ROOT / "ops", self.program / "ops", ignore=shutil.ignore_patterns("__pycache__"))
        for file in ROOT.glob("Pulumi*.yaml"):
            (self.program / file.name).symlink_to(file)
        (self.program / "__main__.py").write_text(PROGRAM)
        (self.directory / "hold").mkdir()
        # The engine keeps no log there, which takes its time: docs/decisions/0013.
        (self.directory / "pulumi").mkdir()
        (self.directory / "pulumi/logs").touch()
        self._platform()

    @property
    def program(self) -> Path:
        return self.directory / "program"

    @property
    def place(self) -> Path:
        return self.directory / "state/tts-platform/stacks/embedded/default/ephemeral"

    @property
    def stacks(self) -> list[str]:
        found = (self.place / "state/.pulumi/stacks/tts-platform").glob("*.json")
        return sorted(file.stem.removeprefix("ephemeral-") for file in found)

    @property
    def environment(self) -> dict[str, str]:
        cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        return {
            **{key: value for key, value in os.environ.items() if not key.startswith(("PULUMI_", "KUBE"))},
            "HOME": str(self.directory),
            "XDG_CACHE_HOME": cache,
            "XDG_STATE_HOME": str(self.directory / "state"),
            "PULUMI_HOME": str(self.directory / "pulumi"),
            "HOLD": str(self.directory / "hold"),
        }

    def _platform(self) -> None:
        """The local stack, as `make up` leaves it, at the played API."""
        platform = self.place.parent
        stacks = platform / "state/.pulumi/stacks/tts-platform"
        stacks.mkdir(parents=True)
        self.kubeconfig = self.directory / "kubeconfig"
        self.lead_to(self.api.url)
        document = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text())
        document["config"] |= {
            "tts-platform:kubeconfig": str(self.kubeconfig),
            "tts-platform:httpsPort": 8443,
        }
        (platform / "Pulumi.local.yaml").write_text(yaml.safe_dump(document))
        shutil.copy(ROOT / "Pulumi.yaml", platform)
        (platform / "passphrase").write_text("for tests")
        outputs = {"cluster_server": self.api.url, "ca_secret": "cert-manager/in-cluster-ca"}
        root = {
            "urn": "urn:pulumi:local::tts-platform::pulumi:pulumi:Stack::tts-platform-local",
            "custom": False,
            "type": "pulumi:pulumi:Stack",
            "outputs": outputs,
        }
        manifest = {"time": "2026-01-01T00:00:00Z", "magic": "", "version": "v3.259.0"}
        (stacks / "local.json").write_text(
            json.dumps(
                {
                    "version": 3,
                    "checkpoint": {
                        "stack": "organization/tts-platform/local",
                        "latest": {"manifest": manifest, "resources": [root]},
                    },
                }
            )
        )

    def lead_to(self, server: str) -> None:
        """Has the kubeconfig name a server."""
        self.kubeconfig.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "contexts": [{"name": "it", "context": {"cluster": "it", "user": "me"}}],
                    "clusters": [{"name": "it", "cluster": {"server": server}}],
                    "users": [{"name": "me", "user": {}}],
                    "current-context": "it",
                }
            )
        )

    def command(self, *arguments: str) -> list[str]:
        """How it is called; what is said last counts."""
        return [sys.executable, "-m", "ops", "ephemeral", arguments[0], "--platform", "local", *arguments[1:]]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Begins one command."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.program,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs one command to its end."""
        return ended(self.start(*arguments))

    def json(self, *arguments: str) -> Any:
        finished = self.run(*arguments, "--json")
        assert finished.returncode == 0, finished.stderr
        return json.loads(finished.stdout)

    @contextmanager
    def holding(self, name: str) -> Iterator[Path]:
        """Updates of the stack wait while the block runs; yields a file that is there once one does."""
        hold = self.directory / "hold" / f"ephemeral-{name}"
        hold.touch()
        try:
            yield hold.with_suffix(".reached")
        finally:
            hold.unlink(missing_ok=True)

    def expire(self, *names: str) -> None:
        """Has the stacks' lives be over, as their states say it."""
        for name in names:
            file = self.place / f"state/.pulumi/stacks/tts-platform/ephemeral-{name}.json"
            state = json.loads(file.read_text())
            for item in state["checkpoint"]["latest"]["resources"]:
                if item["type"].endswith(":EndOfLife"):
                    item["inputs"]["expires"] = A_MOMENT_AGO
            file.write_text(json.dumps(state))


def ended(process: subprocess.Popen[str], seconds: float = 240) -> subprocess.CompletedProcess[str]:
    """A command's end."""
    out, err = process.communicate(timeout=seconds)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def appeared(file: Path, seconds: float = 240) -> None:
    """Waits for a file."""
    until = time.monotonic() + seconds
    while not file.exists():
        assert time.monotonic() < until, f"{file.name} is not there after {seconds:.0f} s"
        time.sleep(0.05)


def kill(process: subprocess.Popen[str]) -> None:
    """Ends a command and all it has started, on the spot."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


@contextmanager
def commands(directory: Path) -> Iterator[Commands]:
    with api_server.running() as api:
        yield Commands(directory, api)
