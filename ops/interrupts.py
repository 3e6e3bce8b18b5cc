"""Ctrl-C, which reaches the programs that a command has started as well as the command itself."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def left_to_the_child() -> Iterator[None]:
    """Waits for a program that Ctrl-C ends too: killed, it would leave its files. What it says then is not told."""
    interrupted = False

    def note(_number: int, _frame: object) -> None:
        nonlocal interrupted
        interrupted = True

    before = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if interrupted:
            signal.raise_signal(signal.SIGINT)
