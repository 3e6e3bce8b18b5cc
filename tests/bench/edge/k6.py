"""Runs a script of k6, and reads its summary."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.bench.edge.stage import Target

_SCRIPTS: Final = Path(__file__).parent


@dataclass(frozen=True)
class Summary:
    """What k6 has counted, by metric."""

    metrics: dict[str, dict[str, Any]]

    def count(self, metric: str) -> int:
        """Of a counter; none where it was never touched."""
        return int(self.metrics.get(metric, {}).get("count", 0))

    def value(self, metric: str, which: str) -> float:
        """Of a trend: med, p(95), max, in milliseconds; of a rate: passes. KeyError where nothing was measured."""
        return float(self.metrics[metric][which])


class K6:
    """One run, that goes on while the `with` block does something else; `summary` waits for its end."""

    def __init__(self, script: str, target: Target, *, http2: bool = False, **variables: object) -> None:
        given = {
            "URL": target.url,
            "SOCKETS_URL": target.sockets,
            "CONNECT": f"{target.address}:{target.port}",
            "NAME": f"{target.host}:{target.port}",
            **variables,
        }
        self._directory = tempfile.TemporaryDirectory()
        self._file = Path(self._directory.name) / "summary.json"
        # Not a pipe: nobody reads it before the end, and a full one would stop k6.
        self._said = Path(self._directory.name) / "output"
        command = ["k6", "run", "--quiet", "--no-usage-report", f"--summary-export={self._file}"]
        command += [f"--env={key}={value}" for key, value in given.items()]
        # Go's client takes HTTP/2 wherever it is offered, unless it is told not to.
        environment = {**os.environ, **({} if http2 else {"GODEBUG": "http2client=0"})}
        try:
            with self._said.open("w", encoding="utf-8") as said:
                self._process = subprocess.Popen(
                    [*command, str(_SCRIPTS / script)],
                    env=environment,
                    stdout=said,
                    stderr=subprocess.STDOUT,
                )
        except OSError:
            self._directory.cleanup()
            raise

    def __enter__(self) -> K6:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(20)
            self._process.kill()
        self._directory.cleanup()

    @property
    def ended(self) -> bool:
        """Whether it is done, or has died."""
        return self._process.poll() is not None

    def summary(self) -> Summary:
        """RuntimeError where k6 has measured nothing."""
        code = self._process.wait()
        if code != 0 or not self._file.exists():
            raise RuntimeError(f"k6 has measured nothing: {self._said.read_text(encoding='utf-8')[-800:]}")
        return Summary(metrics=json.loads(self._file.read_text(encoding="utf-8"))["metrics"])


def run(script: str, target: Target, *, http2: bool = False, **variables: object) -> Summary:
    """One run to its end."""
    with K6(script, target, http2=http2, **variables) as k6:
        return k6.summary()
