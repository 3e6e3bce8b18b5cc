"""A command's processor time and memory, by who of those that it starts has used it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

_EVERY: Final = 0.02
"""Seconds. What lives shorter is seen by its parent's account alone."""

ROLES: Final[Mapping[str, str]] = {
    "pulumi-language-python-exec": "program",
    "pulumi-resource-": "provider",
    "pulumi-language-python": "language host",
    "pip": "language host",
    "kubectl": "kubectl",
    "pulumi": "engine",
}
"""By what the command line has in it; the first counts."""


@dataclass
class Measured:
    """One run."""

    seconds: float = 0.0
    code: int = 0
    output: str = ""
    cpu: dict[str, float] = field(default_factory=dict[str, float])
    """Seconds of the processor, by role."""

    memory: int = 0
    """Bytes, of all together at their largest."""


def measured(command: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> Measured:
    """Runs a command to its end."""
    result = Measured()
    used: dict[int, tuple[str, float]] = {}
    started = time.monotonic()
    with subprocess.Popen(
        command, cwd=cwd, env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        root = psutil.Process(process.pid)
        import threading

        said: list[str] = []
        reader = threading.Thread(target=lambda: said.append(process.stdout.read() if process.stdout else ""))
        reader.start()
        while process.poll() is None:
            memory = 0
            for child in _tree(root):
                try:
                    times, line = child.cpu_times(), " ".join(child.cmdline())
                    memory += child.memory_info().rss
                except psutil.Error:
                    continue
                if line:
                    used[child.pid] = (_role(line), times.user + times.system)
            result.memory = max(result.memory, memory)
            time.sleep(_EVERY)
        reader.join()
    result.seconds, result.code, result.output = time.monotonic() - started, process.returncode, "".join(said)
    for role, seconds in used.values():
        result.cpu[role] = result.cpu.get(role, 0.0) + seconds
    return result


def _tree(root: psutil.Process) -> list[psutil.Process]:
    try:
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def _role(line: str) -> str:
    return next((role for part, role in ROLES.items() if part in line), "other")
