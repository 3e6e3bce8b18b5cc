"""Makes, lists, prolongs and ends ephemeral stacks: the service for some hours on a platform that is there."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ops import ephemeral_end
from ops.ephemeral_cluster import EphemeralCluster
from ops.ephemeral_life import duration, ends, left
from ops.ephemeral_place import of_platform
from ops.ephemeral_platform import platform as platform_of
from ops.ephemeral_progress import Progress
from ops.ephemeral_seed import seeds
from ops.ephemeral_stack import EphemeralStack, Record
from ops.errors import OpsError
from ops.interrupts import Interrupted
from stacks.ephemeral_checks import name_problems
from stacks.ephemeral_profile import stack_of
from stacks.ephemeral_settings import moment_text
from stacks.load import load

Name = Annotated[str, typer.Argument(help="What its host name begins with: my-branch.")]
OnPlatform = Annotated[str, typer.Option("--platform", help="The stack whose platform it is on: dev, local.")]
ClusterName = Annotated[
    str, typer.Option("--cluster", help="With --platform local: name of the embedded cluster.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Life = "8h"

app = typer.Typer(help=__doc__, no_args_is_help=True)
# Without emoji: what is between two colons, as in an image's name, would become one.
console = Console(stderr=True, soft_wrap=True, emoji=False)
# A message is one line, however narrow a log is taken to be.
output = Console(soft_wrap=True, emoji=False)


@app.command()
def up(
    name: Name,
    ttl: Annotated[
        str | None, typer.Option(help=f"How long it lives from now: 90m, 8h, 2d; at most 7d. Default {Life}.")
    ] = None,
    image: Annotated[str | None, typer.Option(help="Another image than the platform's.")] = None,
    from_snapshot: Annotated[
        bool,
        typer.Option("--from-snapshot", help="Begin with the weights of the platform's newest snapshot."),
    ] = False,
    with_outputs: Annotated[
        bool,
        typer.Option("--with-outputs", help="With --from-snapshot: begin with what was spoken there, too."),
    ] = False,
    platform: OnPlatform = "dev",
    cluster: ClusterName = "default",
    as_json: AsJson = False,
) -> None:
    """Makes the stack, or updates it to what these options and the checkout say."""
    _refuse_name(name)
    life = duration(ttl or Life)
    if with_outputs and not from_snapshot:
        raise OpsError("--with-outputs is for --from-snapshot: name both.")
    base = platform_of(platform, cluster)
    _refuse_name(name, base.domain)
    stack = EphemeralStack(of_platform(platform, cluster), name)
    settings = base.settings(name) | ({"image": image} if image else {})
    settings |= seeds(base, with_outputs=with_outputs) if from_snapshot else {}
    with stack.locked(), _goes_on(name):
        record = stack.record()
        if record is not None and record.platform not in ("", platform):
            raise OpsError(
                f"There is a stack {name} on the platform of {record.platform}: choose another name, or end that one."
            )
        present = record.expires if record is not None else None
        expires = ends(datetime.now(UTC), life, present, at_least=ttl is None)
        settings |= {"expires": moment_text(expires), "stateId": stack.state_id}
        load(stack_of(name), {"httpsPort": "443", **settings}, {})
        EphemeralCluster(name, settings).refuse_taken(stack.state_id)
        _update(
            stack,
            settings,
            there=record is not None,
            ca_secret=base.outputs.get("ca_secret"),
            as_json=as_json,
        )


@app.command(name="list")
def list_command(
    platform: OnPlatform = "dev", cluster: ClusterName = "default", as_json: AsJson = False
) -> None:
    """Shows the stacks that there are, and how long each has left."""
    place, now = of_platform(platform, cluster), datetime.now(UTC)
    names = place.stacks()
    with ThreadPoolExecutor(8) as pool:
        records = dict(
            zip(names, pool.map(lambda name: EphemeralStack(place, name).record(), names), strict=True)
        )
    found = {name: record for name, record in records.items() if record is not None}
    if as_json:
        print(json.dumps([_row(name, record, now) for name, record in found.items()], indent=2))
        return
    if not found:
        output.print("There is no ephemeral stack.")
        return
    table = Table("name", "left", "platform", "image", "url")
    for name, record in found.items():
        row = _row(name, record, now)
        cells = (row[key] or "-" for key in ("name", "left", "platform", "image", "url"))
        table.add_row(*(escape(str(cell)) for cell in cells), style="red" if row["left"] == "expired" else "")
    output.print(table, soft_wrap=False)


@app.command()
def extend(
    name: Name,
    ttl: Annotated[
        str, typer.Option(help="How long it lives from now, if that is longer than it does.")
    ] = Life,
    platform: OnPlatform = "dev",
    cluster: ClusterName = "default",
    as_json: AsJson = False,
) -> None:
    """Prolongs a stack's life; its settings stay."""
    life = duration(ttl)
    stack = _named(name, platform, cluster)
    with stack.locked(), _goes_on(name):
        record = _found(stack)
        if not record.settings:
            raise OpsError(f"Stack {name} was never finished: up makes it, or down takes it away.")
        expires = ends(datetime.now(UTC), life, record.expires, at_least=True)
        ephemeral_end.bring_kubeconfig(record)
        EphemeralCluster(name, record.settings)
        settings = {**record.settings, "expires": moment_text(expires)}
        _update(stack, settings, there=True, ca_secret=None, as_json=as_json)


@app.command()
def down(
    name: Name,
    forget: Annotated[
        bool, typer.Option("--forget", help="Its cluster is gone: remove the stack alone.")
    ] = False,
    missing_ok: Annotated[
        bool, typer.Option("--missing-ok", help="All is well where there is none.")
    ] = False,
    platform: OnPlatform = "dev",
    cluster: ClusterName = "default",
) -> None:
    """Destroys a stack with its volumes, and removes it."""
    stack = _named(name, platform, cluster)
    progress = Progress(console, title=name)
    with stack.locked(), _goes_on(name):
        record = stack.record() if missing_ok else _found(stack)
        if record is None:
            console.print(f"There is no ephemeral stack {name}.", highlight=False)
            return
        if forget:
            ephemeral_end.forget(stack, record)
        else:
            with progress.shown():
                ephemeral_end.end(stack, record, progress)
    console.print(f"Nothing of {name} is left ({progress.seconds:.0f} s).", highlight=False)


@app.command()
def reap(platform: OnPlatform = "dev", cluster: ClusterName = "default", as_json: AsJson = False) -> None:
    """Destroys all stacks that have expired, and says what it could not; exit code 1 then."""
    place, now = of_platform(platform, cluster), datetime.now(UTC)
    # A line for each: several tables at a time would write over one another.
    plain = Console(stderr=True, soft_wrap=True, emoji=False, force_terminal=False)
    found = []
    with _goes_on():
        for item in ephemeral_end.reap(place, lambda name: Progress(plain, title=name)):
            found.append(item)
            if not as_json:
                when = left(item.expires, now) if item.expires else "no end noted"
                output.print(
                    f"{item.name}: {item.outcome} ({item.why or when})", markup=False, highlight=False
                )
    if as_json:
        rows = [
            {
                "name": item.name,
                "outcome": item.outcome,
                "expires": moment_text(item.expires) if item.expires else None,
                "why": item.why,
            }
            for item in found
        ]
        print(json.dumps(rows, indent=2))
    if any(item.outcome is ephemeral_end.Outcome.FAILED for item in found):
        sys.exit(1)


def _update(
    stack: EphemeralStack, settings: dict[str, Any], *, there: bool, ca_secret: str | None, as_json: bool
) -> None:
    progress = Progress(console, title=stack.name)
    with progress.shown():
        outputs = stack.up(settings, progress, there=there)
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
    output.print(
        f"Until     {result['expires']}: python -m ops ephemeral extend {stack.name}", highlight=False
    )
    console.print(f"Ready after {progress.seconds:.0f} s.", highlight=False)


def _row(name: str, record: Record, now: datetime) -> dict[str, Any]:
    return {
        "name": name,
        "platform": record.platform or None,
        "expires": moment_text(record.expires) if record.expires else None,
        "left": left(record.expires, now) if record.expires else "unfinished",
        "url": record.outputs.get("url"),
        "image": record.settings.get("image"),
    }


def _named(name: str, platform: str, cluster: str) -> EphemeralStack:
    _refuse_name(name)
    return EphemeralStack(of_platform(platform, cluster), name)


def _found(stack: EphemeralStack) -> Record:
    record = stack.record()
    if record is None:
        raise OpsError(f"There is no ephemeral stack {stack.name}: list shows those that there are.")
    return record


def _refuse_name(name: str, domain: str | None = None) -> None:
    for problem in name_problems(name, domain):
        raise OpsError(" ".join(problem.lines))


@contextmanager
def _goes_on(name: str | None = None) -> Iterator[None]:
    try:
        yield
    except Interrupted:
        how = f"up {name} goes on from here, down {name} takes it away" if name else "reap goes on from here"
        console.print(f"Interrupted: {how}.", highlight=False)
        raise typer.Exit(130) from None
