"""How ephemeral stacks end: one by one by hand, and all that have expired."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from threading import Event
from typing import Final

from ops.engine_locks import Busy
from ops.ephemeral_cluster import EphemeralCluster
from ops.ephemeral_place import Place
from ops.ephemeral_platform import bring_kubeconfig
from ops.ephemeral_progress import Progress
from ops.ephemeral_reach import Silent
from ops.ephemeral_stack import EphemeralStack, Record
from ops.errors import OpsError
from ops.interrupts import passed_on
from ops.own_state import LOCAL

AT_A_TIME: Final = 4
"""Each takes an engine, a provider, and their memory."""

LONGEST_RUN: Final = timedelta(hours=1)
"""Of whoever works on a stack: no job of a workflow has more."""


class Outcome(StrEnum):
    """What became of a stack."""

    REAPED = "reaped"
    LIVES = "lives"
    BUSY = "busy"
    """Somebody works on it. The next reap sees."""

    LEFT = "left"
    """It was not begun: the reap was interrupted."""

    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Reaped:
    """One stack after a reap."""

    name: str
    outcome: Outcome
    expires: datetime | None
    why: str = ""


def end(stack: EphemeralStack, record: Record, progress: Progress) -> None:
    """Destroys a stack that is locked, with what a killed run of it has left, and removes it."""
    if not record.settings:
        if record.resources:
            stack.destroy(record, progress)
        stack.remove()
        return
    with_kubeconfig(record)
    cluster, state_id = EphemeralCluster(stack.name, record.settings), record.settings["stateId"]
    if cluster.is_anothers(state_id):
        # The names in the state are those of another stack's objects by now.
        stack.remove(force=True)
        return
    if not record.namespace:
        # A killed run may have made it. First, so that a failure leaves the record that says where.
        cluster.sweep(state_id)
    if record.resources:
        stack.destroy(record, progress)
    cluster.sweep(state_id)
    stack.remove()


def forget(stack: EphemeralStack, record: Record) -> None:
    """Removes the stack and leaves its objects; refuses unless nobody answers at the very server that they are at."""
    if record.settings:
        with_kubeconfig(record)
        try:
            EphemeralCluster(stack.name, record.settings)
        except Silent:
            pass
        else:
            raise OpsError(
                f"The cluster of {stack.name} answers: leave out --forget, and nothing is left behind."
            )
    stack.remove(force=True)


def with_kubeconfig(record: Record) -> None:
    """Has this machine know a cluster that the platform's stack has made, if that stack can still say."""
    file = record.settings.get("kubeconfig")
    if file is not None and record.platform != LOCAL:
        # Without it, whoever asks the cluster says what is missing, and whether anybody answers there.
        with suppress(OpsError):
            bring_kubeconfig(record.platform, file, record.settings.get("clusterServer"))


def reap(
    place: Place, names: Collection[str], over: Collection[str], progress: Callable[[str], Progress]
) -> Iterator[Reaped]:
    """Ends all of `names` that have expired, and those whose purpose is `over`; says of each what became of it."""
    with passed_on() as interrupted, ThreadPoolExecutor(AT_A_TIME) as pool:

        def reaped(name: str) -> Reaped | None:
            return _Reap(EphemeralStack(place, name), name in over, interrupted).result(progress)

        yield from (item for item in pool.map(reaped, names) if item is not None)


@dataclass(frozen=True)
class _Reap:
    """One stack's turn."""

    stack: EphemeralStack
    over: bool
    """Whether it is to end before its time."""

    interrupted: Event

    def result(self, progress: Callable[[str], Progress]) -> Reaped | None:
        """What became of it; None where it is of another platform."""
        if self.interrupted.is_set():
            return self._is(Outcome.LEFT, why="the reap was interrupted")
        record = None
        try:
            record = self.stack.record()
            if record is None:
                return self._is(Outcome.REAPED, why="was gone already")
            if record.platform not in ("", self.stack.place.platform):
                return None
            if not self._expired(record):
                return self._is(Outcome.LIVES, record)
            with self.stack.locked():
                # What was worked on since may have prolonged it.
                again = self.stack.record()
                if again is not None and not self._expired(again):
                    return self._is(Outcome.LIVES, again)
                if again is not None:
                    end(self.stack, again, progress(self.stack.name))
            return self._is(Outcome.REAPED, record)
        except Busy as busy:
            return self._is(Outcome.FAILED if is_stuck(busy, record) else Outcome.BUSY, record, str(busy))
        except OpsError as error:
            return self._is(Outcome.FAILED, record, str(error))
        except Exception as error:  # noqa: BLE001 - one stack's surprise keeps no other alive
            return self._is(Outcome.FAILED, record, repr(error)[:300])

    def _expired(self, record: Record) -> bool:
        """Also one whose end nobody has noted, and so nothing else: its first update or last destroy was killed.

        Or it begins this second on another machine: its `up` is told that somebody has ended it, and can be repeated.
        """
        return self.over or record.expires is None or record.expires <= datetime.now(UTC)

    def _is(self, outcome: Outcome, record: Record | None = None, why: str = "") -> Reaped:
        expires = record.expires if record is not None else None
        return Reaped(name=self.stack.name, outcome=outcome, expires=expires, why=why)


def is_stuck(busy: Busy, record: Record | None) -> bool:
    """Whether the lock is older than any run, or the stack has been over for longer than one: a schedule turns red."""
    began = busy.since or (record.expires if record is not None else None)
    return began is not None and datetime.now(UTC) - began > LONGEST_RUN
