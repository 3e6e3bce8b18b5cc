"""Where ephemeral stacks keep their state: beside the embedded cluster's, or in the backend that `pulumi login` chose.

Each has a directory of its own for its settings, whose Pulumi.yaml leads to the program in the checkout. So nothing is
written into the checkout, and many run at a time.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform as machine
import secrets
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ops import stack_file
from ops.snapshot_settings import LOCAL
from ops.workspace import CHECKOUT, STATE, embedded
from stacks.ephemeral_profile import name_of
from stacks.problems import NAMESPACE

if TYPE_CHECKING:
    from pulumi.automation import LocalWorkspace


@dataclass(frozen=True, kw_only=True)
class Place:
    """A backend, and the directory of what this machine knows of the stacks in it."""

    directory: Path
    own_state: bool
    """Whether the state is in files here; otherwise it is in the backend of the login."""

    @property
    def backend(self) -> str:
        """The backend's URL."""
        if self.own_state:
            return f"file://{self.directory / 'state'}"
        home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
        with suppress(OSError, ValueError):
            return os.environ.get("PULUMI_BACKEND_URL") or str(
                json.loads((home / "credentials.json").read_text())["current"]
            )
        return ""

    def state_id(self, stack: str) -> str:
        """Tells the stack from one of the same name in another backend."""
        # A file is another machine's where its path is the same.
        host = machine.node() if self.backend.startswith("file:") else ""
        return hashlib.sha256(f"{host} {self.backend} {stack}".encode()).hexdigest()[:16]

    def stacks(self) -> list[str]:
        """Names of the ephemeral stacks that there are, without what precedes each."""
        found = (name_of(item.name.rpartition("/")[2]) for item in self.workspace(None).list_stacks())
        return sorted(name for name in found if name is not None)

    def workspace(self, stack: str | None) -> LocalWorkspace:
        """What Pulumi's Automation API works in: of one stack, or of all."""
        from pulumi.automation import LocalWorkspace

        directory = self.directory / (stack or "all")
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        project = stack_file.parsed(CHECKOUT / "Pulumi.yaml") | {"main": str(CHECKOUT)}
        # The Python that runs this has what the program needs.
        venv = {"options": {"virtualenv": sys.prefix}} if sys.prefix != sys.base_prefix else {}
        project["runtime"] = {"name": "python", **venv}
        _write(directory / "Pulumi.yaml", yaml.safe_dump(project, sort_keys=False))
        workspace = LocalWorkspace(
            work_dir=str(directory),
            env_vars=self._environment(),
            # As the platform's stacks are made; None is the backend's own way.
            secrets_provider=None if self.own_state else _secrets_provider(),
        )
        if self.own_state:
            self._begun(workspace)
        return workspace

    def _environment(self) -> dict[str, str]:
        # The language host runs the first python on PATH.
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        common = {"PULUMI_SKIP_UPDATE_CHECK": "true", "PATH": path}
        if not self.own_state:
            return common
        return {
            **common,
            "PULUMI_BACKEND_URL": self.backend,
            "PULUMI_CONFIG_PASSPHRASE": self._passphrase(),
            # What a killed run had made and not noted is made again, in a namespace that is the stack's.
            "PULUMI_K8S_ENABLE_PATCH_FORCE": "true",
        }

    def _passphrase(self) -> str:
        file = self.directory / "passphrase"
        if not file.exists():
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Whole or not at all, and one for all that begin at a time.
            mine = self.directory / f".passphrase-{secrets.token_hex(8)}"
            mine.touch(mode=0o600)
            mine.write_text(secrets.token_urlsafe(32))
            with suppress(FileExistsError):
                os.link(mine, file)
            mine.unlink()
        return file.read_text()

    def _begun(self, workspace: LocalWorkspace) -> None:
        """Has one run alone make the backend: of many at a time, one would read what another has half written."""
        state = self.directory / "state"
        if (state / "begun").exists():
            return
        state.mkdir(exist_ok=True, mode=0o700)
        with (self.directory / "begin.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (state / "begun").exists():
                workspace.list_stacks()
                (state / "begun").touch()


def of_platform(platform: str, cluster: str) -> Place:
    """Where the stacks on a platform are: `cluster` is the embedded cluster's name, where the platform is local."""
    if platform == LOCAL:
        return Place(directory=embedded(cluster).directory / "ephemeral", own_state=True)
    return Place(directory=STATE / "ephemeral", own_state=False)


def _secrets_provider() -> str | None:
    """What a committed stack's secrets are encrypted by, if all say the same."""
    said: set[Any] = set()
    for file in CHECKOUT.glob("Pulumi.*.yaml"):
        said.add(stack_file.parsed(file).get("secretsprovider"))
    said.discard(None)
    return str(said.pop()) if len(said) == 1 else None


def _write(file: Path, text: str) -> None:
    """Writes a file that others may be reading."""
    new = file.with_name(f".{file.name}-{os.getpid()}")
    new.write_text(text)
    new.replace(file)


def config_text(settings: Mapping[str, Any], existing: str) -> str:
    """The text of a stack's file with these keys and no others; what is not config stays as it was."""
    document: dict[str, Any] = yaml.safe_load(existing) or {}
    document["config"] = {f"{NAMESPACE}:{key}": value for key, value in settings.items()}
    return yaml.safe_dump(document, sort_keys=False)
