"""Restores of one snapshot over and over, with the command that a person gives."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ops.workspace import STATE, embedded
from tests.cluster.deployed import Deployed
from tests.cluster.running import NAMESPACE, Running
from tests.cluster.test_snapshots import Person, mounted

_FILL: Final = """
import os, pathlib
home = pathlib.Path("/outputs/bulk")
home.mkdir(exist_ok=True)
for number in range(64):
    (home / f"{number:03}.wav").write_bytes(os.urandom(2**22))
pathlib.Path("/outputs/mark").write_text("as it was")
os.sync()
"""

_SPOIL: Final = """
import pathlib, shutil
shutil.rmtree("/outputs/bulk")
pathlib.Path("/outputs/mark").write_text("spoilt")
"""

_LOOK: Final = """
import os, pathlib
print(pathlib.Path("/outputs/mark").read_text(), len(os.listdir("/outputs/bulk")))
"""


class Restores:
    """A volume with something in it and its snapshot, as a `with` block."""

    def __init__(self, running: Running, stack: Deployed) -> None:
        self._running = running
        self._stack = stack
        self._home = tempfile.TemporaryDirectory()
        # The commands look for the stack's state under its cluster's name.
        place = Path(self._home.name) / embedded(running.cluster.name).directory.relative_to(STATE.parents[1])
        place.parent.mkdir(parents=True)
        place.symlink_to(stack.workspace.directory)
        self._person = Person(running, Path(self._home.name))
        self._former = ""

    def __enter__(self) -> Self:
        self._first = mounted(self._running)
        self._python(_FILL)
        self._snapshot = self._person.takes("a benchmark")
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._home.cleanup()

    def spoil(self) -> None:
        """Takes the files away, and what the last restore but one has left."""
        self._python(_SPOIL)
        self._former = mounted(self._running)

    def restore(self) -> None:
        """The command, to its end."""
        self._person.restores(self._snapshot)

    def check(self) -> None:
        """Raises RuntimeError unless everything is back on another volume; drops the one before."""
        seen = self._python(_LOOK)
        if seen != "as it was 64" or mounted(self._running) == self._former:
            raise RuntimeError(f"the restore brought back {seen!r} on {mounted(self._running)}")
        if self._former != self._first:
            self._running.core.delete_namespaced_persistent_volume_claim(self._former, NAMESPACE)

    def _python(self, program: str) -> str:
        return self._running.python(self._running.speech_pod(), "speech", program)
