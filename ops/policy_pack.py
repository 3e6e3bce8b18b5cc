"""The policy pack, ready for `pulumi preview --policy-pack` and for an update.

It has a Python of its own, `policy/.venv`, and is started by `policy/runner`: so every engine runs it, the one that is
built here too.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rich.console import Console

from ops.errors import OpsError
from ops.workspace import CHECKOUT

PACK: Final = CHECKOUT / "policy"
RUNNER: Final = PACK / "runner"
CONFIG: Final = PACK / "config.json"
"""What an organisation sets of the rules; there need not be one."""


def ready() -> list[str]:
    """The arguments of a `pulumi preview` with the pack. What the pack needs is installed, and on PATH."""
    install()
    search = os.environ["PATH"].split(os.pathsep)
    if str(RUNNER) not in search:
        os.environ["PATH"] = os.pathsep.join([str(RUNNER), *search])
    settings = ["--policy-pack-config", str(CONFIG)] if CONFIG.exists() else []
    return ["--policy-pack", str(RUNNER), *settings]


def install() -> None:
    """Makes the pack's venv, unless it is there with what `requirements.txt` names."""
    pack = PACK
    requirements, venv = pack / "requirements.txt", pack / ".venv"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    installed = venv / ".installed"
    with _alone(pack):
        if installed.exists() and installed.read_text() == wanted:
            return
        Console(stderr=True).print("Installing the policy pack's Python packages into policy/.venv, once")
        pip = [f"{venv}/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(venv)],
            [*pip, "--requirement", str(requirements)],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                why = (done.stderr or done.stdout).strip().splitlines()[-1:]
                raise OpsError(f"The policy pack's packages cannot be installed: {' '.join(why)}")
        installed.write_text(wanted)


@contextlib.contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Two previews at a time install once."""
    opened = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)
