"""Where the embedded cluster keeps things outside the checkout."""

from __future__ import annotations

import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
BUILD = CHECKOUT / "local" / "build"


def _xdg(variable: str, fallback: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / fallback) / "tts-platform"


CACHE = _xdg("XDG_CACHE_HOME", ".cache")
"""What can be made again: binaries, images, upstream sources."""

STATE = _xdg("XDG_STATE_HOME", ".local/state")
"""What a cluster is: its certificates, its etcd, its volumes."""

CLUSTERS = STATE / "clusters"
