"""Where ephemeral stacks keep their state: beside the embedded cluster's, or in the backend that `pulumi login` chose.

Each has a directory of its own for its settings, whose Pulumi.yaml leads to the program in the checkout. So nothing is
written into the checkout, and many run at a time.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from ops import own_state, stack_file
from ops.errors import OpsError, said_by_engine
from ops.own_state import LOCAL
from ops.policy_pack import RUNNER
from ops.workspace import CHECKOUT, STATE, embedded
from stacks.ephemeral_checks import platform_problems
from stacks.ephemeral_profile import name_of
from stacks.problems import NAMESPACE

if TYPE_CHECKING:
    from pulumi.automation import LocalWorkspace


DEFAULT: Final = "default"
"""The embedded cluster's name, where nobody says another."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A backend, and the directory of what this machine knows of the stacks in it."""

    directory: Path
    platform: str
    """The stack whose guests are looked at."""

    @property
    def own_state(self) -> bool:
        """Whether the state is in files here; otherwise it is in the backend of the login."""
        return self.platform == LOCAL

    def make(self, target: str, name: str) -> str:
        """The command of `make` about a stack, as a person has to write it."""
        cluster = self.directory.parent.name if self.own_state else DEFAULT
        which = f" NAME={cluster}" if cluster != DEFAULT else ""
        return f"make {target} STACK={self.platform}{which} TRIAL={name}"

    @property
    def state(self) -> Path:
        """Where the files of a state of its own are."""
        return self.directory / "state"

    def stacks(self) -> list[str]:
        """Names of the ephemeral stacks that there are, without what precedes each."""
        from pulumi.automation import CommandError

        try:
            listed = self.workspace(None).list_stacks()
        except CommandError as error:
            raise OpsError(
                f"The backend does not say which stacks there are: {said_by_engine(error)}"
            ) from None
        found = (name_of(item.name.rpartition("/")[2]) for item in listed)
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
        try:
            workspace = LocalWorkspace(
                work_dir=str(directory), env_vars=self.environment(), secrets_provider=self.secrets_provider
            )
        except FileNotFoundError:
            raise OpsError("pulumi is not on PATH: make up has one, or install the Pulumi CLI.") from None
        if self.own_state:
            self._begun(workspace)
        return workspace

    @property
    def secrets_provider(self) -> str | None:
        """What the platform's own stack is encrypted by; None is the backend's own way."""
        if self.own_state:
            return None
        said = stack_file.parsed(CHECKOUT / f"Pulumi.{self.platform}.yaml").get("secretsprovider")
        return None if said is None else str(said)

    def environment(self) -> dict[str, str]:
        """What the engine is told beside what this process is."""
        common = {
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            # The language host runs the first python on PATH. The policies' runner is found there too.
            "PATH": os.pathsep.join(
                [str(Path(sys.executable).parent), str(RUNNER), os.environ.get("PATH", "")]
            ),
            # The state knows its key; a file that another machine has written is not here.
            "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
            # What a killed run had made and not noted is made again, in a namespace that is the stack's.
            "PULUMI_K8S_ENABLE_PATCH_FORCE": "true",
        }
        if not self.own_state:
            return common
        return {
            **common,
            **own_state.environment(self.state, aws=False),
            "PULUMI_CONFIG_PASSPHRASE": self._passphrase(),
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
        if (self.state / "begun").exists():
            return
        self.state.mkdir(exist_ok=True, mode=0o700)
        with (self.directory / "begin.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (self.state / "begun").exists():
                workspace.list_stacks()
                (self.state / "begun").touch()


def of_platform(platform: str, cluster: str) -> Place:
    """Where the stacks on a platform are: `cluster` is the embedded cluster's name, where the platform is local.

    Raises OpsError for a stack that can have none, and for an embedded cluster that nothing is on.
    """
    for problem in platform_problems(platform):
        raise OpsError(" ".join(problem.lines))
    if platform != LOCAL:
        return Place(directory=STATE / "ephemeral", platform=platform)
    workspace = embedded(cluster)
    if not workspace.directory.exists():
        raise OpsError(f"make up has put nothing onto the embedded cluster {cluster} yet.")
    return Place(directory=workspace.directory / "ephemeral", platform=platform)


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
