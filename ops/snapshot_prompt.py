"""What a person sees before a restore and after it, and how they say yes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

from components.tts.snapshot_job import names
from ops.snapshot_cluster import StackCluster, age
from ops.snapshot_restore import RESTORE_FROM, Plan

# Without emoji: an image's tag between two colons would become one.
console = Console(stderr=True, soft_wrap=True, emoji=False)
output = Console(emoji=False)


def agreed(chosen: Plan, why: str | None, *, yes: bool, brings_back: str) -> str:
    """Why, in a person's words, once they have seen what is lost. Aborts where they do not go on.

    `brings_back` has the old volumes served again after a failure.
    """
    for line in _shown(chosen, brings_back):
        console.print(escape(line), highlight=False)
    if not yes:
        typer.confirm("Go on?", abort=True, err=True)
        if why is None:
            why = typer.prompt("Why", default="", show_default=False, err=True)
    return why or ""


def _shown(chosen: Plan, brings_back: str) -> list[str]:
    stays = ", ".join(sorted(chosen.mounted.values())) or "none is mounted"
    lines = [
        f"Restore stack {chosen.stack} from {chosen.snapshot}:",
        f"  lost   everything since {chosen.taken:%Y-%m-%d %H:%M} UTC, {age(chosen.taken, datetime.now(UTC))} ago",
        f"  new    {', '.join(chosen.claims)}",
        f"  stays  {stays}, as it is then, until somebody removes it",
    ]
    if chosen.in_place:
        lines.append(
            "  down   from when the old pod goes until the new one is ready (rollout: in-place); if that fails, until "
            f"{brings_back}"
        )
    changes = [key for key in chosen.settings if key != RESTORE_FROM]
    lines += [
        f"  {key}: {_value(chosen.before[key])} becomes {_value(chosen.settings[key])}" for key in changes
    ]
    if "image" not in changes and chosen.taken_with not in ("", chosen.image):
        lines.append(f"  image  stays {chosen.image}; it was taken with {chosen.taken_with} (WITH_IMAGE=1)")
    if "image" in changes and "@" in chosen.image_id and "@" not in chosen.taken_with:
        lines.append(f"  image  ran as {chosen.image_id}: write that if the tag has been moved since")
    return lines


def _value(value: Any) -> str:
    if value is None:
        return "(not set)"
    return value if isinstance(value, str) else json.dumps(value)


def say_what_stays(cluster: StackCluster, chosen: Plan) -> None:
    """The volumes from before, and how one of an earlier restore is removed."""
    for claim in sorted(chosen.mounted.values()):
        extra = (
            ""
            if claim in names.VOLUME_NAMES
            else f" When nobody needs it: kubectl --namespace {cluster.namespace} delete pvc {claim}"
        )
        output.print(f"The old {claim} stays.{extra}", soft_wrap=True)
