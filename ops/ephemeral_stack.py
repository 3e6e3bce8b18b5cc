"""One ephemeral stack: its settings, its lock, and the real engine on it, by Pulumi's Automation API."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ops import policy_pack
from ops.engine_locks import Busy, kept_out, release_dead
from ops.ephemeral_place import Place, config_text
from ops.errors import OpsError, said_by_engine
from ops.interrupts import passed_on
from ops.workspace import alone
from stacks.ephemeral_profile import stack_of
from stacks.ephemeral_settings import moment
from stacks.problems import NAMESPACE

_NAMESPACE_TYPE: Final = "kubernetes:core/v1:Namespace"

if TYPE_CHECKING:
    from pulumi.automation import LocalWorkspace

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

    life: str = ""
    """URN of the record of its end; empty where there is none."""

    namespace: bool = False
    """Whether its namespace was made, as the state says it."""

    @property
    def platform(self) -> str:
        """The stack whose platform it is on; empty where nobody has noted it."""
        return str(self.settings.get("platform", ""))


@dataclass(frozen=True)
class EphemeralStack:
    """A stack by its name, whether there is one or not."""

    place: Place
    name: str

    @property
    def stack(self) -> str:
        """Its name in the backend."""
        return stack_of(self.name)

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
            raise OpsError(f"The state of {self.name} cannot be read: {said_by_engine(error)}") from None
        resources: list[dict[str, Any]] = exported.get("resources") or []
        life = next((item for item in resources if item["type"] == END_OF_LIFE_TYPE), {})
        kept = life.get("inputs") or {}
        stack = next((item for item in resources if item["type"] == "pulumi:pulumi:Stack"), {})
        return Record(
            expires=moment(kept["expires"]) if "expires" in kept else None,
            settings=kept.get("settings") or {},
            outputs=stack.get("outputs") or {},
            resources=len(resources),
            life=life.get("urn", ""),
            namespace=any(item["type"] == _NAMESPACE_TYPE for item in resources),
        )

    @property
    def asks_policies(self) -> bool:
        """Whether an update asks the policy pack: on a platform that others use, since somebody names the image."""
        return not self.place.own_state

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """No two of this machine's commands work on it at a time, and what a killed one has locked is free again."""
        directory = self.place.directory / self.stack
        # Not in the directory, which goes with the stack: who waits for a lock that is gone holds nothing.
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(alone(directory.with_name(f"{self.stack}.lock"), self.name))
            except OpsError as error:
                raise Busy(str(error)) from None
            if self.place.own_state:
                locks = (self.place.state / ".pulumi/locks").glob(f"*/{NAMESPACE}/{self.stack}/*.json")
                release_dead(locks, self.name, self._cancel)
            yield

    @property
    def _cancel(self) -> str:
        """What frees it by hand."""
        backend = f"PULUMI_BACKEND_URL=file://{self.place.state} " if self.place.own_state else ""
        return f"{backend}pulumi cancel {self.stack} frees it"

    def up(
        self, settings: Mapping[str, Any], progress: Progress, *, there: bool, only: str | None = None
    ) -> dict[str, Any]:
        """Makes the stack, or updates it, and returns its outputs; `only` the resource of that URN, and no pack."""
        from pulumi.automation import CommandError, Stack

        _ = self.workspace
        asked = self.asks_policies and only is None
        before = self.config_file.read_text() if self.config_file.exists() else ""
        self.config_file.write_text(config_text(settings, before))
        try:
            with passed_on():
                found = (Stack.select if there else Stack.create)(self.stack, self.workspace)
                outputs = found.up(
                    on_event=progress.note,
                    color="never",
                    suppress_outputs=True,
                    target=None if only is None else [only],
                    policy_packs=[str(policy_pack.RUNNER)] if asked else None,
                    policy_pack_configs=[str(policy_pack.CONFIG)]
                    if asked and policy_pack.CONFIG.exists()
                    else None,
                ).outputs
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
                Stack.select(self.stack, self.workspace).destroy(on_event=progress.note, color="never")
        except CommandError as error:
            raise self._failed("destroy", error, progress) from None

    def remove(self, *, force: bool = False) -> None:
        """Removes the stack from the backend, and its directory; `force` with whatever its state still names."""
        from pulumi.automation import CommandError

        try:
            self.workspace.remove_stack(self.stack, force=force)
        except CommandError as error:
            raise self._failed("stack rm", error) from None
        shutil.rmtree(self.place.directory / self.stack, ignore_errors=True)

    def _failed(self, what: str, error: Exception, progress: Progress | None = None) -> OpsError:
        from pulumi.automation import ConcurrentUpdateError, StackAlreadyExistsError, StackNotFoundError

        if isinstance(error, ConcurrentUpdateError):
            return kept_out(self.name, str(error), self._cancel)
        if isinstance(error, StackAlreadyExistsError | StackNotFoundError):
            return Busy(
                f"Somebody has just made or ended {self.name}: list shows what there is, then this again."
            )
        why = progress.why if progress is not None else ""
        return OpsError(f"pulumi {what} of {self.name} failed: {why or said_by_engine(error)}")
