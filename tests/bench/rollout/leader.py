"""Which Contour writes the statuses, and which one Envoy listens to."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import psutil

from tests.cluster import faults
from tests.cluster.running import EDGE_NAMESPACE, Running

_ESTABLISHED: Final = "01"
_XDS_PORT: Final = 8001


def leader(running: Running) -> str:
    """Name of the pod of the Contour that writes the statuses."""
    lease = running.coordination.read_namespaced_lease("leader-elect", EDGE_NAMESPACE)
    return str(lease.spec.holder_identity).rpartition("_")[0]


def hears_from(running: Running) -> set[str]:
    """Names of the pods of the Contours that tell an Envoy what to do."""
    contours = faults.matching(running.cluster, faults.program("contour", "serve"))
    return {process.environ()["HOSTNAME"] for process in contours if _tells(process)}


def _tells(contour: psutil.Process) -> bool:
    """Whether a connection to its xDS port is there, by its pod's own network."""
    for family in ("tcp", "tcp6"):
        lines = Path(f"/proc/{contour.pid}/net/{family}").read_text(encoding="utf-8").splitlines()[1:]
        for _, local, _, state, *_ in (line.split() for line in lines):
            if local.endswith(f":{_XDS_PORT:04X}") and state == _ESTABLISHED:
                return True
    return False
