"""Ctrl-C, which reaches the programs that a command has started as well as the command itself."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator

import psutil


@contextlib.contextmanager
def left_to_the_child() -> Iterator[None]:
    """Waits for a program that Ctrl-C ends too: killed, it would leave its files. What it says then is not told."""
    if _around_it_somebody_waits():
        yield
        return
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


class Interrupted(Exception):
    """Somebody has ended the engine's run, and it has noted what it had done."""


@contextlib.contextmanager
def passed_on() -> Iterator[threading.Event]:
    """Has the engine, started within, end in order when this process is asked to end; raises Interrupted then.

    What it yields is set from that moment on: nothing more is to be begun.

    At a terminal Ctrl-C reaches the engine as well, and a second one of ours would have it stop on the spot.
    """
    if _around_it_somebody_waits():
        yield threading.Event()
        return
    interrupted = threading.Event()

    def pass_on(number: int, _frame: object) -> None:
        if number == signal.SIGINT and _told_by_the_terminal():
            interrupted.set()
            return
        if interrupted.is_set() and number == signal.SIGTERM:
            return
        interrupted.set()
        for child in psutil.Process().children():
            with contextlib.suppress(psutil.Error):
                if "pulumi" in child.name():
                    child.send_signal(signal.SIGINT)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupted
    except Exception:
        if not interrupted.is_set():
            raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if interrupted.is_set():
        raise Interrupted


def _around_it_somebody_waits() -> bool:
    """Only the main thread is told of signals, and whoever starts another one has this around it."""
    return threading.current_thread() is not threading.main_thread()


def _told_by_the_terminal() -> bool:
    """Whether what is typed goes to all programs of this one's group."""
    with contextlib.suppress(OSError):
        return os.tcgetpgrp(0) == os.getpgrp()
    return False
