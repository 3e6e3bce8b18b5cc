"""Where a stack that this machine's commands run keeps its state and its settings.

`make up` and the tests run the local stack on clusters that come and go. Its state is kept in files under the
cluster's name, never in the backend that `pulumi login` chose, and its settings are a copy of `Pulumi.local.yaml` with
what only this machine knows: the kubeconfig, and the port at which the edge answers. The committed file stays as it is.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ops.errors import OpsError

CHECKOUT = Path(__file__).resolve().parent.parent
STATE = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "tts-platform" / "stacks"
NAMESPACE = "tts-platform"


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """A stack of this program with file state of its own.

    `directory` holds state, passphrase and settings; removing it forgets the stack.
    """

    stack: str
    directory: Path

    @property
    def config_file(self) -> Path:
        """The stack's settings: the committed ones, and what only this machine knows."""
        return self.directory / f"Pulumi.{self.stack}.yaml"

    def prepare(self, settings: Mapping[str, Any]) -> None:
        """Makes the stack unless it is there, with the committed settings and `settings` on top."""
        (self.directory / "state").mkdir(parents=True, exist_ok=True, mode=0o700)
        passphrase = self.directory / "passphrase"
        if not passphrase.exists():
            passphrase.touch(mode=0o600)
            passphrase.write_text(secrets.token_urlsafe(32))
        committed = yaml.safe_load((CHECKOUT / f"Pulumi.{self.stack}.yaml").read_text())
        document: dict[str, Any] = (
            yaml.safe_load(self.config_file.read_text()) if self.config_file.exists() else {}
        )
        overrides = {f"{NAMESPACE}:{key}": value for key, value in settings.items()}
        # The engine keeps the salt of the stack's secrets in this file, so that the rest of it is kept too.
        document["config"] = {**committed["config"], **overrides}
        self.config_file.write_text(yaml.safe_dump(document, sort_keys=False))
        if not (self.directory / "state/.pulumi/stacks" / NAMESPACE / f"{self.stack}.json").exists():
            # Initialised beside its settings: the engine writes the salt of the stack's secrets into the file there.
            shutil.copy(CHECKOUT / "Pulumi.yaml", self.directory)
            self.run("stack", "init", self.stack, capture=True)

    def run(
        self, *arguments: str, capture: bool = False, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Runs the real `pulumi` in the checkout. Its output goes to the person unless captured."""
        program = shutil.which("pulumi")
        if program is None:
            raise OpsError("pulumi is not on PATH: run make up, or put the Pulumi CLI on PATH.")
        environment = {
            **os.environ,
            "PULUMI_BACKEND_URL": f"file://{self.directory}/state",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self.directory / "passphrase"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        environment.pop("PULUMI_CONFIG_PASSPHRASE", None)
        command = [program, *arguments, "--non-interactive"]
        directory = CHECKOUT
        if arguments[0] == "stack":
            directory = self.directory
        else:
            command += ["--config-file", str(self.config_file)]
        if arguments[:2] != ("stack", "init"):
            command += ["--stack", self.stack]
        run = subprocess.run(
            command, cwd=directory, env=environment, capture_output=capture, text=True, check=False
        )
        if check and run.returncode != 0:
            detail = f": {run.stderr.strip().splitlines()[-1]}" if capture and run.stderr.strip() else "."
            raise OpsError(f"pulumi {arguments[0]} of {self.stack} failed{detail}")
        return run
