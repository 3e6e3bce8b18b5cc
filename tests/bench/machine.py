"""What the figures were measured on: without it nobody can compare them."""

from __future__ import annotations

import platform
import re
import subprocess
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import psutil
from kubernetes import client

from local.paths import CHECKOUT
from stacks.versions import CONTOUR
from tests.cluster import faults
from tests.cluster.running import Running, eventually


def versions(running: Running) -> dict[str, str]:
    """What every benchmark's cluster runs, once the platform is on it, by the names that the programs have."""
    return {
        "Kubernetes": kubernetes_version(running),
        "Contour": CONTOUR.tag,
        "Envoy": envoy_version(running),
    }


def kubernetes_version(running: Running) -> str:
    """As the API server names it."""
    version: str = client.VersionApi(running.api).get_code().git_version
    return version


def envoy_version(running: Running) -> str:
    """As the program says itself: its image's tag is what the manifest names."""
    envoys = eventually(
        lambda: faults.matching(running.cluster, faults.CONTOURS_ENVOY),
        60,
        "an Envoy runs that says which version it is",
    )
    return version_in(printed(f"/proc/{envoys[0].pid}/exe", "--version"))


def printed(*command: str) -> str:
    """What a command says on its standard output."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def version_in(text: str) -> str:
    """The first version in what a program says of itself. ValueError where there is none."""
    found = re.search(r"\d+\.\d+\.\d+", text)
    if found is None:
        raise ValueError(f"there is no version in {text[:200]!r}")
    return found[0]


@cache
def program() -> dict[str, Any]:
    """Which commit of this checkout is measured, as it was at the first look; None where nobody can say."""
    try:
        commit = _git("rev-parse", "--short", "HEAD")
        # What a run itself writes, docs/, changes nothing that is measured.
        changed = _git("--no-optional-locks", "status", "--porcelain", "--", ".", ":!docs")
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}
    return {"commit": commit, "dirty": bool(changed)}


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(CHECKOUT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def machine() -> dict[str, Any]:
    """Processor, memory, kernel, how busy it was with other things at the time, and which commit was measured."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = {line.partition(":")[2].strip() for line in info if line.startswith("model name")}
    return {
        "processor": ", ".join(sorted(models)) or platform.machine(),
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": round(psutil.getloadavg()[0], 2),
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        **program(),
    }
