"""`python3 -m components.tts.snapshot_job scheduled|take|pre-upgrade`, told the rest by its environment."""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Final

from components.tts.snapshot_job import events, wanted
from components.tts.snapshot_job.api import Api, Refused, Unreachable
from components.tts.snapshot_job.take import Failed, NotRestorable, Stopped, Taker
from components.tts.snapshot_job.volume_snapshots import Place

TERMINATION_LOG: Final = Path("/dev/termination-log")
"""What is written there, the pod's status says."""

_ALWAYS: Final = (
    "KUBERNETES_SERVICE_HOST",
    "NAMESPACE",
    "STACK",
    "ENGINE",
    "SNAPSHOT_CLASS",
    "DEPLOYMENT",
    "KEPT",
    "SECONDS",
)
_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "scheduled": (),
    "take": ("WHY", "BY"),
    "pre-upgrade": ("IMAGE", "CLAIMS"),
}
"""What the environment has to say, always and for each of the things to do."""

_USAGE: Final = "usage: python3 -m components.tts.snapshot_job scheduled|take|pre-upgrade"


def main(arguments: list[str], environment: Mapping[str, str], log: Path = TERMINATION_LOG) -> int:
    """Returns the exit code."""
    if len(arguments) != 1 or arguments[0] not in _NEEDS:
        return _failed(_USAGE, log)
    missing = [name for name in (*_ALWAYS, *_NEEDS[arguments[0]]) if name not in environment]
    if missing:
        return _failed(f"no snapshot was taken: not in the environment: {', '.join(missing)}", log)
    signal.signal(signal.SIGTERM, _stop)
    try:
        place = _place(environment)
        run = _run(arguments[0], environment)
        api = Api.in_cluster(environment, place.namespace)
    except (ValueError, OSError) as error:
        return _failed(f"no snapshot was taken: {error}", log)
    taker = Taker(api, place)
    try:
        name = run(taker)
    except NotRestorable as error:
        events.warn(api, place, "NotRestorable", f"Nothing was restored: {error}")
        return _failed(f"nothing was restored: {error}", log)
    except (Failed, Refused, Unreachable) as error:
        events.warn(api, place, "SnapshotFailed", f"No snapshot was taken: {error}{_left(taker)}")
        return _failed(f"no snapshot was taken: {error}", log)
    _note(name or "", log)
    return 0


def _run(what: str, environment: Mapping[str, str]) -> Callable[[Taker], str | None]:
    match what:
        case "scheduled":
            return Taker.scheduled
        case "take":
            return lambda taker: taker.by_hand(environment["WHY"], environment["BY"])
        case _:
            mounts = wanted.parse(
                environment["CLAIMS"], environment.get("RESTORE", ""), environment.get("SIZES", "")
            )
            return lambda taker: taker.pre_upgrade(environment["IMAGE"], mounts)


def _left(taker: Taker) -> str:
    """A sentence on what there is to go back to, as far as the API says."""
    try:
        return f". {taker.last_good()}"
    except (Refused, Unreachable):
        return ""


def _place(environment: Mapping[str, str]) -> Place:
    return Place(
        namespace=environment["NAMESPACE"],
        stack=environment["STACK"],
        engine=environment["ENGINE"],
        snapshot_class=environment["SNAPSHOT_CLASS"],
        deployment=environment["DEPLOYMENT"],
        kept=int(environment["KEPT"]),
        seconds=float(environment["SECONDS"]),
        job=environment.get("JOB", ""),
        job_uid=environment.get("JOB_UID", ""),
    )


def _stop(_signal: int, _frame: FrameType | None) -> None:
    # Once: the second one would interrupt the cleaning up.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Stopped("it was stopped")


def _failed(line: str, log: Path) -> int:
    print(line, file=sys.stderr)
    _note(line, log)
    return 1


def _note(line: str, log: Path) -> None:
    with contextlib.suppress(OSError):
        if log.exists():
            log.write_text(line, encoding="utf-8")


if __name__ == "__main__":
    # A pod's log is not a terminal: without this it is empty until the end.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    sys.exit(main(sys.argv[1:], os.environ))
