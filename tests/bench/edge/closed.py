"""Small requests in a closed loop, by h2load: each connection asks again as soon as it has been answered."""

from __future__ import annotations

import re
import subprocess
import tempfile
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.edge.stage import Stage, Target
from tests.bench.quantiles import quantile

_WARM_UP: Final = 1
"""Seconds that are not counted."""

_CUT_OFF: Final = 50_000
"""Microseconds before the end of a run."""

_CIPHER: Final = "TLS_AES_128_GCM_SHA256"


@dataclass(frozen=True)
class Closed:
    """What a run has come to."""

    rate: float
    """Answers a second."""

    median: float
    p95: float
    p99: float
    """Milliseconds from a request to its answer."""

    requests: int
    failed: int
    """Those without a 2xx."""


def closed(target: Target, connections: int, seconds: int, *, http2: bool) -> Closed:
    """Runs it for so many seconds, after one that is not counted."""
    with tempfile.NamedTemporaryFile("r", suffix=".tsv", dir="/dev/shm") as log:
        command = [
            "h2load",
            *([] if http2 else ["--h1"]),
            f"--clients={connections}",
            "--threads=1",
            f"--duration={seconds}",
            f"--warm-up-time={_WARM_UP}",
            f"--tls13-ciphers={_CIPHER}",
            f"--connect-to={target.address}:{target.port}",
            f"--log-file={log.name}",
            f"{target.url}/",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        times, failed = _read(Path(log.name))

    if done.returncode != 0 or not times:
        raise RuntimeError(f"h2load has measured nothing: {(done.stdout + done.stderr)[-800:]}")
    if target.tls and (spoken := negotiated(done.stdout)) != ("TLSv1.3", _CIPHER):
        raise RuntimeError(f"{target.side} speaks {spoken}: its figures would be of another cipher")
    return Closed(
        rate=len(times) / seconds,
        median=quantile(times, 0.5),
        p95=quantile(times, 0.95),
        p99=quantile(times, 0.99),
        requests=len(times) + failed,
        failed=failed,
    )


def negotiated(printed: str) -> tuple[str, str]:
    """Protocol and cipher of its connections, as h2load prints them; empty where it says nothing."""
    found = [re.search(rf"^{name}: (\S+)$", printed, re.MULTILINE) for name in ("TLS Protocol", "Cipher")]
    protocol, cipher = (one[1] if one else "" for one in found)
    return protocol, cipher


def with_processor_time(
    stage: Stage, way: Target, connections: int, seconds: int, *, http2: bool
) -> tuple[Closed, float]:
    """The same of a way through a proxy, with the microseconds of the processor that a request took of the proxy."""
    used = -stage.processor_seconds(way.side)
    done = closed(way, connections, seconds, http2=http2)
    used += stage.processor_seconds(way.side)
    # Also of the seconds before the count, at the same rate.
    return done, used / (done.requests * (seconds + _WARM_UP) / seconds) * 1e6


def _read(log: Path) -> tuple[list[float], int]:
    """Milliseconds of each 2xx, and how many others there were.

    A line of h2load's log: start in microseconds since the epoch, status (-1 where there was none), duration in
    microseconds. What was cut off by the end of the run is neither.
    """
    times, failures, last = array("d"), array("q"), 0
    with log.open(encoding="utf-8") as lines:
        for line in lines:
            start, status, duration = (int(part) for part in line.split("\t")[:3])
            last = max(last, start + duration)
            if 200 <= status < 300:
                times.append(duration / 1000)
            else:
                failures.append(start + duration)
    return list(times), sum(end < last - _CUT_OFF for end in failures)
