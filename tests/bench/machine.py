"""What the figures were measured on: without it nobody can compare them."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from kubernetes import client

from tests.cluster.running import Running


def kubernetes_version(running: Running) -> str:
    """As the API server names it."""
    version: str = client.VersionApi(running.api).get_code().git_version
    return version


def machine() -> dict[str, Any]:
    """Processor, memory, kernel, and how busy it was with other things at the time."""
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
    }
