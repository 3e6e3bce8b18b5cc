"""Files and directories that are there whole or not at all, and things that only one process may do."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from local.errors import LocalError


@contextmanager
def appearing_whole(target: Path) -> Iterator[Path]:
    """A directory to fill that takes its final name only when nothing went wrong."""
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield staging
        if staging.is_dir():
            staging.chmod(0o755)
        if not target.exists():
            staging.rename(target)
    finally:
        if staging.is_dir():
            shutil.rmtree(staging, ignore_errors=True)
        else:
            staging.unlink(missing_ok=True)


@contextmanager
def exclusive(lock: Path, console: Console | None = None) -> Iterator[None]:
    """Waits until no other process is in a block with this lock; the lock goes with the process that holds it."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if console is not None:
                console.print(f"Waiting for another command that holds {lock}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def claimed(lock: Path, refusal: str) -> Iterator[None]:
    """Raises LocalError with that text where another process is in a block with this lock, and does not wait."""
    lock.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise LocalError(refusal) from None
        yield
