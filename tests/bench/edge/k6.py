"""Runs a script of k6, and reads its summary."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

SCRIPTS: Final = Path(__file__).parent


def run(script: str, variables: Mapping[str, object], *, http2: bool = False) -> dict[str, dict[str, Any]]:
    """The summary's metrics by name, each with its values."""
    with tempfile.TemporaryDirectory() as directory:
        summary = Path(directory) / "summary.json"
        given = [f"--env={key}={value}" for key, value in variables.items()]
        command = ["k6", "run", "--quiet", "--no-usage-report", f"--summary-export={summary}", *given]
        # Go's client takes HTTP/2 wherever it is offered, unless it is told not to.
        environment = {**os.environ, "GODEBUG": "" if http2 else "http2client=0"}
        done = subprocess.run(
            [*command, str(SCRIPTS / script)], env=environment, capture_output=True, text=True, check=False
        )
        if not summary.exists():
            raise RuntimeError(f"k6 has measured nothing: {done.stderr[-500:]}")
        metrics: dict[str, dict[str, Any]] = json.loads(summary.read_text(encoding="utf-8"))["metrics"]
    return metrics


def there() -> bool:
    """Whether k6 is on PATH."""
    return shutil.which("k6") is not None
