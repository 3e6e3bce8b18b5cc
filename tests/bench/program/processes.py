"""Who uses the processors while a command runs: its own processes by their part in it, and the cluster's."""

from __future__ import annotations

import math
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

import psutil

from tests.bench.program.shares import CLUSTER, Shares

EVERY: Final = 0.1
"""Seconds between two looks. What a process does between the last look and its end is not seen."""

LISTED: Final = 1.0
"""Seconds for which the list of the cluster's processes is good: to make it is most of a look. What lives shorter is
in no list."""

_ROLES: Final[Mapping[str, str]] = {
    "pulumi-language-python-exec": "program",
    "pulumi-resource-": "provider",
    "pulumi-language-python": "language host",
    # The language host looks up the installed packages.
    " pip ": "language host",
    "kubectl": "kubectl",
    "pulumi": "engine",
    # kubectl diff runs it.
    "diff ": "kubectl",
}
"""By what a command line has in it; the first counts."""


@dataclass
class Measured:
    """One command, to its end."""

    seconds: float = 0.0
    code: int = 0
    output: str = ""
    shares: Shares = field(default_factory=Shares)
    memory: dict[str, int] = field(default_factory=dict[str, int])
    """Bytes resident, at their largest, by role."""

    together: int = 0
    """Bytes resident of the command's processes together, at their largest; what they share counts once for each."""


def measured(
    command: Sequence[str],
    cwd: Path,
    environment: Mapping[str, str],
    *,
    cluster: psutil.Process,
    importing: float = 0.0,
) -> Measured:
    """Runs a command, and looks at its processes and at those below `cluster`.

    `importing` is how many seconds of the processor the program's imports take.
    """
    result = Measured(shares=Shares(importing=importing))
    beside = _Processes(cluster, listed=LISTED)
    started = time.monotonic()
    result.shares.begin({CLUSTER: beside.seconds()}, started)
    with subprocess.Popen(
        command, cwd=cwd, env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            said = _Read(process.stdout)
            own = _Processes(psutil.Process(process.pid))
            while process.poll() is None:
                used = own.by_role()
                result.shares.look({**used, CLUSTER: beside.seconds()}, time.monotonic())
                _take_memory(result, own.memory())
                time.sleep(EVERY)
            result.seconds, result.code = time.monotonic() - started, process.returncode
            result.shares.look({**own.by_role(), CLUSTER: beside.seconds()}, started + result.seconds)
            result.output = said.text()
        except BaseException:
            _end(process)
            raise
    return result


def _end(process: subprocess.Popen[str]) -> None:
    """With everything below it, which would live on: a shell's kubectl waits for minutes."""
    if process.poll() is not None:
        return
    first = psutil.Process(process.pid)
    tree = [*first.children(recursive=True), first]
    for one in tree:
        with suppress(psutil.Error):
            one.terminate()
    _, left = psutil.wait_procs(tree, timeout=10)
    for one in left:
        with suppress(psutil.Error):
            one.kill()
    process.wait()


class _Processes:
    """A process and all below it; what has ended keeps the seconds that it was last seen with."""

    def __init__(self, root: psutil.Process, *, listed: float = 0.0):
        self._root = root
        self._tree: list[psutil.Process] = []
        self._listed_for = listed
        """Seconds for which a list of them is used."""

        self._listed_at = -math.inf
        self._used: dict[tuple[int, float], float] = {}
        self._roles: dict[tuple[int, float], str] = {}
        self._resident: dict[str, int] = {}

    def by_role(self) -> dict[str, float]:
        """Seconds of the processor so far."""
        self._look(roles=True)
        found: dict[str, float] = {}
        for key, seconds in self._used.items():
            role = self._roles.get(key, "other")
            found[role] = found.get(role, 0.0) + seconds
        return found

    def seconds(self) -> float:
        """The same of all of them."""
        self._look(roles=False)
        return sum(self._used.values())

    def memory(self) -> dict[str, int]:
        """Bytes resident at the last look, by role."""
        return self._resident

    def _look(self, *, roles: bool) -> None:
        self._resident = {}
        self._list()
        for process in self._tree:
            try:
                key, times = (process.pid, process.create_time()), process.cpu_times()
                self._used[key] = times.user + times.system
                if roles:
                    role = _role(" ".join(process.cmdline()))
                    self._roles[key] = role or self._roles.get(key, "other")
                    there = self._resident.get(self._roles[key], 0)
                    self._resident[self._roles[key]] = there + process.memory_info().rss
            except psutil.Error:
                continue

    def _list(self) -> None:
        now = time.monotonic()
        if now - self._listed_at < self._listed_for:
            return
        try:
            self._tree, self._listed_at = [self._root, *self._root.children(recursive=True)], now
        except psutil.Error:
            self._tree = []


class _Read:
    """What a command says, read while it says it: a full pipe would stop it."""

    def __init__(self, stream: IO[str] | None):
        self._said: list[str] = []
        self._stream = stream
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        self._said.append(self._stream.read() if self._stream else "")

    def text(self) -> str:
        """All of it; a plugin that lives on for a moment may still hold the pipe."""
        self._thread.join(timeout=10)
        return "".join(self._said)


def _role(line: str) -> str:
    """Empty where the process is about to end."""
    if not line:
        return ""
    return next((role for part, role in _ROLES.items() if part in line), "other")


def _take_memory(result: Measured, resident: Mapping[str, int]) -> None:
    result.together = max(result.together, sum(resident.values()))
    for role, size in resident.items():
        result.memory[role] = max(result.memory.get(role, 0), size)
