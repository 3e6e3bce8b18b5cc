"""Small requests in a closed loop, by h2load: each connection asks again as soon as it has been answered."""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_RATE: Final = re.compile(r"finished in [\d.]+\w+, ([\d.]+) req/s")
_STATUS: Final = re.compile(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx")
_REQUESTS: Final = re.compile(r"requests: (\d+) total, .* (\d+) failed, (\d+) errored, (\d+) timeout")


@dataclass(frozen=True)
class Closed:
    """What a run has come to."""

    rate: float
    """Answers a second."""

    median: float
    p95: float
    p99: float
    """Milliseconds from a request to its answer."""

    failed: int
    """Requests without a 2xx."""

    requests: int


def closed(url: str, host: str, connections: int, seconds: int, *, http2: bool) -> Closed:
    """Runs it for so many seconds, after two that are not counted."""
    with tempfile.NamedTemporaryFile("r", suffix=".tsv") as log:
        command = [
            "h2load",
            *([] if http2 else ["--h1"]),
            f"--clients={connections}",
            f"--threads={min(connections, 2)}",
            f"--duration={seconds}",
            "--warm-up-time=2",
            f"--header=host: {host}",
            f"--log-file={log.name}",
            url,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        # Start in microseconds since the epoch, status, duration in microseconds.
        lines = (line.split("\t") for line in Path(log.name).read_text(encoding="utf-8").splitlines())
        times = sorted(int(parts[2]) / 1000 for parts in lines if parts[1].startswith("2"))
    rate, status = _RATE.search(done.stdout), _STATUS.search(done.stdout)
    if rate is None or status is None or not times:
        raise RuntimeError(f"h2load has measured nothing: {done.stdout[-500:]}")
    good, *others = (int(count) for count in status.groups())
    counted = _REQUESTS.search(done.stdout)
    lost = sum(int(count) for count in counted.groups()[1:]) if counted else 0
    return Closed(
        rate=float(rate[1]),
        median=_quantile(times, 0.5),
        p95=_quantile(times, 0.95),
        p99=_quantile(times, 0.99),
        failed=sum(others) + lost,
        requests=good + sum(others) + lost,
    )


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
