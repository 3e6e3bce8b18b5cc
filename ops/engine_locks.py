"""The locks that Pulumi's engines keep beside a state: whose they are, and whether anybody is still behind them.

One of another host is never released: nobody here can tell whether that engine lives, and two would write one state.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psutil

from ops.errors import OpsError

_CREATED: Final = re.compile(r"created by (\S+@\S+) \(pid (\d+)\) at (\S+)")
"""How the engine says whose lock keeps it out."""


class Busy(OpsError):
    """Somebody works on the stack, or has left a lock that says so."""

    def __init__(self, text: str, since: datetime | None = None):
        super().__init__(text)
        self.since = since
        """When the lock was made; None where nobody says."""


def release_dead(locks: Iterable[Path], name: str, cancel: str) -> None:
    """Deletes the locks of this machine's engines that have ended; raises Busy for any other one.

    `cancel` is the command that frees the stack by hand.
    """
    for file in locks:
        try:
            lock: dict[str, Any] = json.loads(file.read_text())
        except FileNotFoundError:
            continue
        except ValueError:
            raise Busy(
                f"The lock {file} is being written: again in a moment. If it stays: {cancel}."
            ) from None
        pid, host = lock.get("pid") or 0, lock.get("hostname")
        if host not in (None, socket.gethostname()):
            raise Busy(
                f"pulumi (process {pid} of {host}) works on {name} since {lock.get('timestamp')}. If that one has "
                f"ended: {cancel}.",
                _time(lock.get("timestamp")),
            )
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            # One whose parent was killed with it has ended, though nobody has asked how.
            if "pulumi" in process.name() and process.status() != psutil.STATUS_ZOMBIE:
                raise Busy(f"pulumi (process {pid}) still works on {name}: wait until it ends.")
        file.unlink(missing_ok=True)


def kept_out(name: str, said: str, cancel: str) -> Busy:
    """What to say where another machine's engine has the lock, by what the engine here says of it."""
    lock = _CREATED.search(said)
    whose = f"{lock[1]}, process {lock[2]}, since {lock[3]}" if lock else "somebody, from another machine"
    since = _time(lock[3]) if lock else None
    return Busy(f"{name} is worked on by {whose}. If nobody does any more: {cancel}.", since)


def _time(text: object) -> datetime | None:
    with contextlib.suppress(ValueError):
        found = datetime.fromisoformat(str(text))
        return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    return None
