"""A restore of a stack that Argo CD delivers: one commit, reviewed and pushed like any other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from components.tts.snapshot_job import names
from ops.audit import Note
from ops.errors import OpsError, said
from ops.release import Recorded, Renderer, Settled, settle
from ops.snapshot_restore import RESTORE_FROM, Plan

Pin = Callable[[bool], None]
"""Has the schedule keep the snapshot, or no longer."""


def record(
    root: Path, chosen: Plan, who: str, why: str, branch: str | None, render: Renderer, note: Note, pin: Pin
) -> Recorded:
    """Restores by a commit, which Argo CD follows once it is pushed.

    The snapshot is pinned, and stays so: a review may take longer than the schedule keeps it.
    """
    wanted = Settled(
        settings=chosen.settings,
        branch=f"restore/{chosen.stack}-{chosen.restore.snapshot}"
        + (f"-{chosen.restore.number}" if chosen.restore.number > 1 else ""),
        message=lambda before, after: _message(chosen, who, why, before, after),
        nothing=f"Stack {chosen.stack} has {RESTORE_FROM}: {chosen.restore} already: push it.",
    )
    note("restore asked")
    try:
        with _pinned(chosen, pin):
            done = settle(root, chosen.stack, wanted, branch, render)
    except BaseException as error:
        with suppress(OpsError):
            note(f"failed: {said(error) if isinstance(error, Exception) else 'interrupted'}")
        raise
    note(f"recorded in commit {done.commit[:12]} of {done.branch}")
    return done


@contextmanager
def _pinned(chosen: Plan, pin: Pin) -> Iterator[None]:
    """Pins while the block runs, and afterwards too unless it fails."""
    if chosen.pinned:
        yield
        return
    pin(True)
    try:
        yield
    except BaseException:
        # What is wrong is said by the failure itself; a pin that stays costs a snapshot.
        with suppress(Exception):
            pin(False)
        raise


def _message(chosen: Plan, who: str, why: str, before: str, after: str) -> str:
    lines = [
        f"{chosen.stack}: restored from {chosen.snapshot}",
        "",
        f"Who    {who}",
        f"When   {names.time_text(datetime.now(UTC))}",
        f"Why    {why or '-'}",
        f"From   {chosen.snapshot}, taken {names.time_text(chosen.taken)}",
        f"Claims {', '.join(chosen.claims)}; {', '.join(sorted(chosen.mounted.values())) or 'none'} stay",
        f"Image  {after}" + (f", was {before}" if after != before else ""),
    ]
    if "image" in chosen.settings and chosen.image_id:
        lines.append(f"Ran    {chosen.image_id}, when the snapshot was taken")
    return "\n".join(lines) + "\n"
