"""What the commands on ephemeral stacks print: for a person, or as JSON for a script."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ops.ephemeral_end import Reaped
from ops.ephemeral_life import left
from ops.ephemeral_progress import Progress
from ops.ephemeral_stack import EphemeralStack, Record
from stacks.ephemeral_settings import moment_text

UNREADABLE: Final = "unreadable"

# Without emoji: what is between two colons, as in an image's name, would become one.
console = Console(stderr=True, soft_wrap=True, emoji=False)
# A message is one line, however narrow a log is taken to be.
output = Console(soft_wrap=True, emoji=False)


def say(
    stack: EphemeralStack,
    settings: Mapping[str, Any],
    outputs: Mapping[str, Any],
    progress: Progress,
    *,
    ca_secret: str | None,
    as_json: bool,
) -> None:
    """Prints where a stack answers, and until when."""
    result = {
        "name": stack.name,
        "stack": stack.stack,
        "platform": settings["platform"],
        "expires": settings["expires"],
        **{key: outputs.get(key) for key in ("url", "speech_url", "websocket_url", "namespace", "image")},
        "ca_secret": ca_secret,
        "seconds": round(progress.seconds, 1),
    }
    if as_json:
        print(json.dumps(result, indent=2))
        return
    for key, label in (("url", "Open     "), ("websocket_url", "WebSocket")):
        if result[key]:
            output.print(f"{label} {result[key]}", highlight=False)
    prolong = stack.place.make("ephemeral-extend", stack.name)
    output.print(f"Until     {result['expires']}; longer: {prolong} TTL=8h", highlight=False)
    if result["url"] and ca_secret is not None:
        output.print(f"Its certificate is of the authority in {ca_secret}: make up has left that in ca.crt.")
    console.print(f"Ready after {progress.seconds:.0f} s.", highlight=False)


def warn_of_no_address(host: str) -> None:
    """A record for the domain alone leads nobody to a name below it."""
    if host.endswith(".localhost"):
        return
    try:
        socket.getaddrinfo(host, 443)
    except OSError:
        below = host.partition(".")[2]
        console.print(
            f"{host} has no address here: make a DNS record *.{below} that points where {below} does.",
            style="yellow",
            highlight=False,
        )


def row(name: str, record: Record | str, now: datetime) -> dict[str, Any]:
    """A stack as a script reads it; `record` is text where its state cannot be read."""
    if isinstance(record, str):
        console.print(f"{name}: {record}", markup=False, highlight=False)
        return {
            "name": name,
            "left": UNREADABLE,
            **dict.fromkeys(("platform", "expires", "url", "image")),
        }
    return {
        "name": name,
        "platform": record.platform or None,
        "expires": moment_text(record.expires) if record.expires else None,
        "left": left(record.expires, now) if record.expires else "unfinished",
        "url": record.outputs.get("url"),
        "image": record.settings.get("image"),
    }


def reaped_row(item: Reaped) -> dict[str, Any]:
    """A stack after a reap, as a script reads it."""
    return {
        "name": item.name,
        "outcome": item.outcome,
        "expires": moment_text(item.expires) if item.expires else None,
        "why": item.why,
    }


def print_stacks(found: Mapping[str, Record | str], now: datetime) -> None:
    """Prints a table of them."""
    if not found:
        output.print("There is no ephemeral stack.")
        return
    table = Table("name", "left", "platform", "image", "url")
    for name, record in found.items():
        it = row(name, record, now)
        cells = (it[key] or "-" for key in ("name", "left", "platform", "image", "url"))
        style = "red" if it["left"] in ("expired", UNREADABLE) else ""
        table.add_row(*(escape(str(cell)) for cell in cells), style=style)
    # A log is as wide as what is in it.
    width = None if output.is_terminal else 400
    output.print(table, soft_wrap=False, width=width, crop=False)
