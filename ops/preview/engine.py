"""`pulumi preview`, run to be read."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ops.interrupts import left_to_the_child
from ops.preview.plan import Plan, parsed
from ops.workspace import CHECKOUT, Workspace, pulumi

_STREAMED: Final = "PULUMI_ENABLE_STREAMING_JSON_PREVIEW"


def of_own_backend(stack: str, arguments: Sequence[str] = ()) -> Plan:
    """The plan for a stack in the backend that `pulumi login` chose."""
    command = [
        pulumi(),
        "preview",
        "--json",
        "--non-interactive",
        "--stack",
        stack,
        "--cwd",
        str(CHECKOUT),
        *arguments,
    ]
    with left_to_the_child():
        run = subprocess.run(
            command, env={**os.environ, _STREAMED: "true"}, capture_output=True, text=True, check=False
        )
    return _plan(run)


def of_nothing(stack: str, arguments: Sequence[str] = ()) -> Plan:
    """The plan for a stack that has nothing yet, from a state that is thrown away."""
    with tempfile.TemporaryDirectory(prefix="tts-platform-preview-") as directory:
        workspace = Workspace(stack=stack, directory=Path(directory))
        workspace.prepare({})
        os.environ[_STREAMED] = "true"
        run = workspace.run("preview", "--json", *arguments, capture=True, check=False)
    return _plan(run)


def _plan(run: subprocess.CompletedProcess[str]) -> Plan:
    # A reader's checkout is somewhere else.
    printed, said = (text.replace(f"{CHECKOUT}/", "") for text in (run.stdout, run.stderr))
    return parsed(printed.splitlines(), run.returncode, said)
