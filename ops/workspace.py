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
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from ops import own_state, stack_file
from ops.engine_locks import release_dead
from ops.errors import OpsError
from ops.interrupts import left_to_the_child

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
class Call:
    """One call of `pulumi`: what is run, where, and with which environment."""

    command: tuple[str, ...]
    directory: Path
    environment: Mapping[str, str]


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
        document["config"] = {**self._with_kept(committed), **overrides}
        self.config_file.write_text(yaml.safe_dump(document, sort_keys=False))
        shutil.copy(CHECKOUT / "Pulumi.yaml", self.directory)
        if not self.exists:
            self.run("stack", "init", self.stack, capture=True)

    @property
    def settings_files(self) -> tuple[Path, ...]:
        """What `settle` writes to."""
        return (self.config_file, self.directory / "kept.json")

    def settle(self, settings: Mapping[str, Any]) -> None:
        """Gives keys other values, None taking one out.

        They last until the committed file says something new of them.
        """
        committed = stack_file.keys((CHECKOUT / self.config_file.name).read_text(encoding="utf-8"))
        _rewrite(self.config_file, settings)
        new = {key: {"value": value, "instead_of": committed.get(key)} for key, value in settings.items()}
        self._keep({**self._kept(), **new})

    def _with_kept(self, committed: Mapping[str, Any]) -> dict[str, Any]:
        """The committed settings with those of `settle`; forgets the ones that a person has decided anew since."""
        valid = {
            key: kept
            for key, kept in self._kept().items()
            if committed.get(f"{NAMESPACE}:{key}") == kept["instead_of"]
        }
        if valid != self._kept():
            self._keep(valid)
        settings = {**committed, **{f"{NAMESPACE}:{key}": kept["value"] for key, kept in valid.items()}}
        return {key: value for key, value in settings.items() if value is not None}

    def _kept(self) -> dict[str, dict[str, Any]]:
        file = self.settings_files[1]
        kept: dict[str, dict[str, Any]] = json.loads(file.read_text()) if file.exists() else {}
        return kept

    def _keep(self, kept: Mapping[str, dict[str, Any]]) -> None:
        _write(self.settings_files[1], json.dumps(kept, indent=2))

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """No two commands change the stack at a time, and what a killed one has locked is free again."""
        with alone(self.directory / "lock", self.stack):
            locks = (self.directory / "state/.pulumi/locks").rglob("*.json")
            cancel = f"PULUMI_BACKEND_URL=file://{self.directory}/state pulumi cancel {self.stack}"
            release_dead(locks, f"stack {self.stack}", f"{cancel} frees it")
            yield

    def run(
        self, *arguments: str, capture: bool = False, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Runs the real `pulumi` in the checkout. Its output goes to the person unless captured."""
        call = self.call(*arguments)
        with left_to_the_child():
            run = subprocess.run(
                call.command,
                cwd=call.directory,
                env=dict(call.environment),
                capture_output=capture,
                text=True,
                check=False,
            )
        if check and run.returncode != 0:
            detail = f": {run.stderr.strip().splitlines()[-1]}" if capture and run.stderr.strip() else "."
            raise OpsError(f"pulumi {arguments[0]} of {self.stack} failed{detail}")
        return run

    def call(self, *arguments: str) -> Call:
        """What `run` runs, for who watches it while it runs."""
        program = pulumi("run make up, or put the Pulumi CLI on PATH")
        environment = {
            **os.environ,
            **own_state.environment(self.directory / "state", aws=self.stack != own_state.LOCAL),
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self.directory / "passphrase"),
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
        return Call(command=tuple(command), directory=directory, environment=environment)


@dataclass(frozen=True)
class OwnBackend:
    """A stack in the backend that `pulumi login` chose, with its committed settings."""

    stack: str

    @property
    def config_file(self) -> Path:
        """The stack's settings, as they are committed."""
        return CHECKOUT / f"Pulumi.{self.stack}.yaml"

    @property
    def settings_files(self) -> tuple[Path, ...]:
        """What `settle` writes to."""
        return (self.config_file,)

    def settle(self, settings: Mapping[str, Any]) -> None:
        """Gives keys other values, None taking one out."""
        _rewrite(self.config_file, settings)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """No two of this machine's commands change the stack at a time; Pulumi sees to those of others."""
        with alone(STATE / "own" / f"{self.stack}.lock", self.stack):
            yield

    def run(self, *arguments: str, capture: bool = False) -> subprocess.CompletedProcess[str]:
        """Runs `pulumi` as its person would. Its output goes to them unless captured."""
        command = [pulumi(), *arguments, "--stack", self.stack, "--cwd", str(CHECKOUT)]
        with left_to_the_child():
            run = subprocess.run(command, stdout=subprocess.PIPE if capture else None, text=True, check=False)
        if run.returncode != 0:
            raise OpsError(f"pulumi {arguments[0]} of {self.stack} failed.")
        return run


def pulumi(otherwise: str = "install the Pulumi CLI") -> str:
    """The path of the CLI. Raises OpsError, with what to do, where there is none on PATH."""
    found = shutil.which("pulumi")
    if found is None:
        raise OpsError(f"pulumi is not on PATH: {otherwise}.")
    return found


def _rewrite(file: Path, settings: Mapping[str, Any]) -> None:
    # Bytes, so that line ends stay as they are.
    _write(file, stack_file.with_settings(file.read_bytes().decode(), file.name, settings))


def _write(file: Path, text: str) -> None:
    """Writes a file whole, or not at all where the command is killed."""
    new = file.with_name(f".{file.name}.new")
    new.write_bytes(text.encode())
    if file.exists():
        shutil.copymode(file, new)
    new.replace(file)


@contextlib.contextmanager
def alone(file: Path, stack: str) -> Iterator[None]:
    """Holds a lock that ends with this process; raises OpsError where another one has it."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise OpsError(f"Another command works on stack {stack}: wait until it ends.") from None
        yield
