"""Where a stack that this machine's commands run keeps its state and its settings.

`make up` and the tests run the local stack on clusters that come and go. Its state is kept in files under the
cluster's name, never in the backend that `pulumi login` chose, and its settings are a copy of `Pulumi.local.yaml` with
what only this machine knows: the kubeconfig, and the port at which the edge answers. The committed file stays as it is.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import yaml

from ops import stack_file
from ops.errors import OpsError

CHECKOUT = Path(__file__).resolve().parent.parent
STATE = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "tts-platform" / "stacks"
NAMESPACE = "tts-platform"


def embedded(name: str) -> Workspace:
    """The local stack on an embedded cluster."""
    return Workspace(stack="local", directory=STATE / "embedded" / name)


def of_context(context: str) -> Workspace:
    """The local stack on the cluster of a kube context, whatever characters its name has."""
    return Workspace(stack="local", directory=STATE / "context" / quote(context, safe=""))


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

    @property
    def exists(self) -> bool:
        """Whether the stack has been made."""
        return (self.directory / "state/.pulumi/stacks" / NAMESPACE / f"{self.stack}.json").exists()

    def prepare(self, settings: Mapping[str, Any]) -> None:
        """Makes the stack unless it is there, with the committed settings and `settings` on top."""
        (self.directory / "state").mkdir(parents=True, exist_ok=True, mode=0o700)
        passphrase = self.directory / "passphrase"
        if not passphrase.exists():
            passphrase.touch(mode=0o600)
            passphrase.write_text(secrets.token_urlsafe(32))
        committed = stack_file.parsed(CHECKOUT / f"Pulumi.{self.stack}.yaml").get("config", {})
        document: dict[str, Any] = {}
        if self.config_file.exists():
            # The engine keeps the salt of the stack's secrets in this file, so that what is not config stays.
            document = yaml.safe_load(self.config_file.read_text()) or {}
        overrides = {f"{NAMESPACE}:{key}": value for key, value in settings.items()}
        document["config"] = {**committed, **overrides}
        self.config_file.write_text(yaml.safe_dump(document, sort_keys=False))
        shutil.copy(CHECKOUT / "Pulumi.yaml", self.directory)
        if not self.exists:
            self.run("stack", "init", self.stack, capture=True)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """No two commands change the stack at a time, and what a killed one has locked is free again."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.directory / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise OpsError(f"Another command works on stack {self.stack}: wait until it ends.") from None
            self._release_dead_locks()
            yield

    def _release_dead_locks(self) -> None:
        for file in (self.directory / "state/.pulumi/locks").rglob("*.json"):
            pid = json.loads(file.read_text() or "{}").get("pid", 0)
            with contextlib.suppress(psutil.NoSuchProcess):
                if "pulumi" in psutil.Process(pid).name():
                    message = f"pulumi (process {pid}) still works on stack {self.stack}: wait until it ends."
                    raise OpsError(message)
            self.run("cancel", "--yes", capture=True)
            return

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
            # What a killed run had made and not noted is made again; nobody else owns anything in these clusters.
            "PULUMI_K8S_ENABLE_PATCH_FORCE": "true",
        }
        environment.pop("PULUMI_CONFIG_PASSPHRASE", None)
        command = [program, *arguments, "--non-interactive"]
        if arguments[:2] != ("stack", "init"):
            command += ["--stack", self.stack]
        # Commands about the state run beside the settings: there the engine writes the salt of the stack's secrets.
        directory = self.directory
        if arguments[0] not in {"stack", "cancel"}:
            directory = CHECKOUT
            command += ["--config-file", str(self.config_file)]
        with _interrupts_left_to_the_child():
            run = subprocess.run(
                command, cwd=directory, env=environment, capture_output=capture, text=True, check=False
            )
        if check and run.returncode != 0:
            detail = f": {run.stderr.strip().splitlines()[-1]}" if capture and run.stderr.strip() else "."
            raise OpsError(f"pulumi {arguments[0]} of {self.stack} failed{detail}")
        return run


@dataclass(frozen=True)
class OwnBackend:
    """A stack in the backend that `pulumi login` chose, with its committed settings."""

    stack: str

    def run(self, *arguments: str, capture: bool = False) -> subprocess.CompletedProcess[str]:
        """Runs `pulumi` as its person would. Its output goes to them unless captured."""
        program = shutil.which("pulumi")
        if program is None:
            raise OpsError("pulumi is not on PATH: install the Pulumi CLI.")
        command = [program, *arguments, "--stack", self.stack, "--cwd", str(CHECKOUT)]
        with _interrupts_left_to_the_child():
            run = subprocess.run(command, stdout=subprocess.PIPE if capture else None, text=True, check=False)
        if run.returncode != 0:
            raise OpsError(f"pulumi {arguments[0]} of {self.stack} failed.")
        return run


@contextlib.contextmanager
def _interrupts_left_to_the_child() -> Iterator[None]:
    """Ctrl-C reaches pulumi as well, which ends the steps under way and keeps its state whole: wait for it, then go."""
    interrupted = False

    def note(_number: int, _frame: object) -> None:
        nonlocal interrupted
        interrupted = True

    before = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if interrupted:
        signal.raise_signal(signal.SIGINT)
