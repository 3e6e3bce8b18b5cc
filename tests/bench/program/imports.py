"""What the program imports before it does anything."""

from __future__ import annotations

import ast
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ops.workspace import CHECKOUT

NESTED: Final[Mapping[str, str]] = {
    "Python": "pass",
    "and pulumi": "import pulumi, pulumi.runtime",
    "and pulumi_kubernetes": (
        "import pulumi, pulumi.runtime, pulumi_kubernetes as kubernetes\n"
        "kubernetes.core.v1.Service, kubernetes.apps.v1.Deployment, kubernetes.rbac.v1.Role, kubernetes.batch.v1.Job,"
        " kubernetes.networking.v1.NetworkPolicy, kubernetes.apiextensions.CustomResource"
    ),
}
"""Programs, each with the one above in it."""

EVERYTHING: Final = "all"


@dataclass(frozen=True)
class Imported:
    """One program of imports, run to its end."""

    seconds: float
    cpu: float
    """Seconds of the processor."""


def statements(program: Path = CHECKOUT / "__main__.py") -> str:
    """The import statements at the top of a program."""
    tree = ast.parse(program.read_text(encoding="utf-8"))
    found = [ast.unparse(node) for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    if not found:
        raise ValueError(f"{program} imports nothing: it is not the program.")
    return "\n".join(["import pulumi, pulumi.runtime", *found])


def seconds() -> float:
    """Of the processor, that all of the program's imports take."""
    text = statements()
    # The first run may find nothing compiled, and nothing in the page cache.
    imported(text)
    return imported(text).cpu


def imported(text: str) -> Imported:
    """Runs it in a Python of its own."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([sys.executable, "-c", text], cwd=CHECKOUT, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Imported(seconds=time.monotonic() - started, cpu=cpu)
