"""How ephemeral stacks end: one by one by hand, and all that have expired."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from ops.ephemeral_cluster import EphemeralCluster, Unreachable
from ops.ephemeral_place import Place
from ops.ephemeral_platform import platform
from ops.ephemeral_progress import Progress
from ops.ephemeral_stack import Busy, EphemeralStack, Record
from ops.errors import OpsError
from ops.interrupts import passed_on
from ops.snapshot_settings import LOCAL

AT_A_TIME: Final = 4
"""Each takes an engine, a provider, and their memory."""


class Outcome(StrEnum):
    """What became of a stack."""

    REAPED = "reaped"
    LIVES = "lives"
    BUSY = "busy"
    """Somebody works on it. The next reap sees."""

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
    cluster = None
    if record.settings:
        bring_kubeconfig(record)
        cluster = EphemeralCluster(stack.name, record.settings)
    if record.resources:
        stack.destroy(record, progress)
    if cluster is not None:
        cluster.sweep(record.settings["stateId"])
    stack.remove()


def forget(stack: EphemeralStack, record: Record) -> None:
    """Removes the stack and leaves its objects; refuses while their cluster answers."""
    if record.settings:
        try:
            EphemeralCluster(stack.name, record.settings)
        except Unreachable:
            pass
        else:
            raise OpsError(
                f"The cluster of {stack.name} answers: leave out --forget, and nothing is left behind."
            )
    stack.remove(force=True)


def bring_kubeconfig(record: Record) -> None:
    """Writes the kubeconfig of a cluster that the platform's stack has made, where this machine has none."""
    file = record.settings.get("kubeconfig")
    if file is not None and record.platform != LOCAL and not Path(file).expanduser().exists():
        # The platform's outputs have it, and reading them writes it.
        platform(record.platform, "").settings("")


def reap(place: Place, progress: Callable[[str], Progress]) -> Iterator[Reaped]:
    """Ends all stacks that have expired, several at a time, and says of each what became of it."""
    with passed_on(), ThreadPoolExecutor(AT_A_TIME) as pool:
        yield from pool.map(lambda name: _reaped(EphemeralStack(place, name), progress), place.stacks())


def _reaped(stack: EphemeralStack, progress: Callable[[str], Progress]) -> Reaped:
    expires = None
    try:
        record = stack.record()
        if record is None:
            return Reaped(name=stack.name, outcome=Outcome.REAPED, expires=None, why="was gone already")
        expires = record.expires
        if not _expired(record):
            return Reaped(name=stack.name, outcome=Outcome.LIVES, expires=expires)
        with stack.locked():
            # What was waited for may have prolonged it.
            record = stack.record()
            if record is not None and not _expired(record):
                return Reaped(name=stack.name, outcome=Outcome.LIVES, expires=record.expires)
            if record is not None:
                end(stack, record, progress(stack.name))
        return Reaped(name=stack.name, outcome=Outcome.REAPED, expires=expires)
    except Busy as busy:
        return Reaped(name=stack.name, outcome=Outcome.BUSY, expires=expires, why=str(busy))
    except OpsError as error:
        return Reaped(name=stack.name, outcome=Outcome.FAILED, expires=expires, why=str(error))
    except Exception as error:  # noqa: BLE001 - one stack's surprise keeps no other alive
        return Reaped(name=stack.name, outcome=Outcome.FAILED, expires=expires, why=repr(error)[:300])


def _expired(record: Record) -> bool:
    """Also one whose end nobody has noted, and so nothing else: its first update was killed, or its last destroy."""
    if record.expires is None:
        return True
    return record.expires <= datetime.now(UTC)
