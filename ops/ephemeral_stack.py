"""One ephemeral stack: its settings, its lock, and the real engine on it, by Pulumi's Automation API."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from ops.ephemeral_place import Place, config_text
from ops.errors import OpsError
from ops.interrupts import passed_on
from ops.workspace import alone
from stacks.ephemeral_profile import stack_of
from stacks.ephemeral_settings import moment
from stacks.problems import NAMESPACE

if TYPE_CHECKING:
    from pulumi.automation import LocalWorkspace
    from pulumi.automation.events import EngineEvent

    from ops.ephemeral_progress import Progress


@dataclass(frozen=True)
class Record:
    """What the stack's state says of it."""

    expires: datetime | None
    """None where its first update ended before anything was made."""

    settings: Mapping[str, Any]
    outputs: Mapping[str, Any]
    resources: int
    """How many there are in the state, of whatever kind."""

    @property
    def platform(self) -> str:
        """The stack whose platform it is on; empty where nobody has noted it."""
        return str(self.settings.get("platform", ""))


class Busy(OpsError):
    """Somebody works on the stack."""


@dataclass(frozen=True)
class EphemeralStack:
    """A stack by its name, whether there is one or not."""

    place: Place
    name: str

    @property
    def stack(self) -> str:
        """Its name in the backend."""
        return stack_of(self.name)

    @property
    def state_id(self) -> str:
        """What its namespace is labelled with."""
        return self.place.state_id(self.stack)

    @cached_property
    def workspace(self) -> LocalWorkspace:
        """Its directory."""
        return self.place.workspace(self.stack)

    @property
    def config_file(self) -> Path:
        """Its settings, as the engine reads them."""
        return self.place.directory / self.stack / f"Pulumi.{self.stack}.yaml"

    def record(self) -> Record | None:
        """What its state says; None where there is no such stack."""
        from pulumi.automation import CommandError, StackNotFoundError

        from components.end_of_life import END_OF_LIFE_TYPE

        try:
            exported = self.workspace.export_stack(self.stack).deployment or {}
        except StackNotFoundError:
            return None
        except CommandError as error:
            raise OpsError(f"The state of {self.name} cannot be read: {said(error)}") from None
        resources: list[dict[str, Any]] = exported.get("resources") or []
        kept = next((item.get("inputs") or {} for item in resources if item["type"] == END_OF_LIFE_TYPE), {})
        stack = next((item for item in resources if item["type"] == "pulumi:pulumi:Stack"), {})
        return Record(
            expires=moment(kept["expires"]) if "expires" in kept else None,
            settings=kept.get("settings") or {},
            outputs=stack.get("outputs") or {},
            resources=len(resources),
        )

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """No two of this machine's commands work on it at a time, and what a killed one has locked is free again."""
        directory = self.place.directory / self.stack
        # Not in the directory, which goes with the stack: who waits for a lock that is gone holds nothing.
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(alone(directory.with_name(f"{self.stack}.lock"), self.name))
                self._release_dead_locks()
            except OpsError as error:
                raise Busy(str(error)) from None
            yield

    def _release_dead_locks(self) -> None:
        if not self.place.backend.startswith("file://"):
            return
        state = Path(self.place.backend.removeprefix("file://")).expanduser()
        for file in (state / ".pulumi/locks").glob(f"*/{NAMESPACE}/{self.stack}/*.json"):
            pid = json.loads(file.read_text() or "{}").get("pid", 0)
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                # One whose parent was killed with it has ended, though nobody has asked how.
                if "pulumi" in process.name() and process.status() != psutil.STATUS_ZOMBIE:
                    raise OpsError(f"pulumi (process {pid}) still works on {self.name}: wait until it ends.")
            file.unlink(missing_ok=True)

    def up(self, settings: Mapping[str, Any], progress: Progress, *, there: bool) -> dict[str, Any]:
        """Makes the stack, or updates it, and returns its outputs."""
        from pulumi.automation import CommandError, Stack

        _ = self.workspace
        before = self.config_file.read_text() if self.config_file.exists() else ""
        self.config_file.write_text(config_text(settings, before))
        try:
            with passed_on():
                found = (Stack.select if there else Stack.create)(self.stack, self.workspace)
                outputs = found.up(on_event=_seen(progress), color="never", suppress_outputs=True).outputs
        except CommandError as error:
            raise self._failed("up", error, progress) from None
        return {key: output.value for key, output in outputs.items()}

    def destroy(self, record: Record, progress: Progress) -> None:
        """Destroys what the stack has."""
        from pulumi.automation import CommandError, Stack

        _ = self.workspace
        if not self.config_file.exists():
            self.config_file.write_text(config_text(record.settings, ""))
        try:
            with passed_on():
                Stack.select(self.stack, self.workspace).destroy(on_event=_seen(progress), color="never")
        except CommandError as error:
            raise self._failed("destroy", error, progress) from None

    def remove(self, *, force: bool = False) -> None:
        """Removes the stack from the backend, and its directory; `force` with whatever its state still names."""
        import shutil

        from pulumi.automation import CommandError

        try:
            self.workspace.remove_stack(self.stack, force=force)
        except CommandError as error:
            raise OpsError(f"Stack {self.name} cannot be removed: {said(error)}") from None
        shutil.rmtree(self.place.directory / self.stack, ignore_errors=True)

    def _failed(self, what: str, error: Exception, progress: Progress) -> OpsError:
        from pulumi.automation import ConcurrentUpdateError

        if isinstance(error, ConcurrentUpdateError):
            return Busy(
                f"Somebody works on {self.name} from another machine. If nobody does: "
                f"PULUMI_BACKEND_URL={self.place.backend} pulumi cancel {self.stack} frees it."
            )
        return OpsError(f"pulumi {what} of {self.name} failed: {progress.why or said(error)}")


def said(error: Exception) -> str:
    """The engine's own words, without what it was called with."""
    lines = [line.strip() for line in str(error).splitlines()]
    errors = [line for line in lines if line.startswith("error:")]
    return " ".join((errors or lines[-3:])[:3])[:600]


def _seen(progress: Progress) -> Any:
    def note(event: EngineEvent) -> None:
        progress.note(event)

    return note
