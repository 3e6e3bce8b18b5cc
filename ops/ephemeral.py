"""Makes, lists, prolongs and ends ephemeral stacks: the service for some hours on a platform that is there."""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from ops import ephemeral_end, policy_pack
from ops import ephemeral_told as told
from ops.ephemeral_cluster import EphemeralCluster, refuse_moved
from ops.ephemeral_life import duration, ends, left
from ops.ephemeral_place import of_platform
from ops.ephemeral_platform import platform as platform_of
from ops.ephemeral_progress import Progress
from ops.ephemeral_pull_requests import Closed, of_closed
from ops.ephemeral_seed import seeds
from ops.ephemeral_stack import EphemeralStack, Record
from ops.ephemeral_told import console, output
from ops.errors import OpsError
from ops.interrupts import Interrupted
from stacks.ephemeral_checks import name_problems
from stacks.ephemeral_profile import stack_of
from stacks.ephemeral_settings import moment_text
from stacks.load import load
from stacks.problems import SettingsError

Name = Annotated[str, typer.Argument(help="What its host name begins with: my-branch.")]
OnPlatform = Annotated[str, typer.Option("--platform", help="The stack whose platform it is on: dev, local.")]
ClusterName = Annotated[
    str, typer.Option("--cluster", help="With --platform local: name of the embedded cluster.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Life = "8h"

app = typer.Typer(help=__doc__, no_args_is_help=True)


@app.command()
def up(
    name: Name,
    ttl: Annotated[str, typer.Option(help="How long it lives from now: 90m, 8h, 2d; at most 7d.")] = Life,
    image: Annotated[str | None, typer.Option(help="Another image than the platform's.")] = None,
    from_snapshot: Annotated[
        bool,
        typer.Option("--from-snapshot", help="Begin with the weights of the platform's newest snapshot."),
    ] = False,
    with_outputs: Annotated[
        bool,
        typer.Option("--with-outputs", help="With --from-snapshot: begin with what was spoken there, too."),
    ] = False,
    shorten: Annotated[
        bool, typer.Option("--shorten", help="It may end earlier than it would have.")
    ] = False,
    platform: OnPlatform = "dev",
    cluster: ClusterName = "default",
    as_json: AsJson = False,
) -> None:
    """Makes the stack, or updates it to what these options and the checkout say."""
    _refuse_name(name)
    life = duration(ttl)
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
        noted = record.settings if record is not None else {}
        refuse_moved(name, noted, settings)
        present = record.expires if record is not None else None
        expires = ends(datetime.now(UTC), life, present, at_least=not shorten)
        # Noted with the first registration, so that nothing is there before it.
        state_id = noted.get("stateId") or secrets.token_hex(8)
        settings |= {"expires": moment_text(expires), "stateId": state_id}
        try:
            load(stack_of(name), {"httpsPort": "443", **settings}, {})
        except SettingsError as error:
            # There is no such file: what is wrong is an option, or the platform's.
            file = f"Pulumi.{stack_of(name)}.yaml"
            raise OpsError(str(error).replace(file, f"Ephemeral stack {name}", 1)) from None
        made = record is not None and record.namespace
        EphemeralCluster(name, settings).refuse_taken(state_id, made=made)
        if stack.asks_policies:
            policy_pack.install()
        progress = Progress(console, title=name)
        with progress.shown():
            outputs = stack.up(settings, progress, there=record is not None)
    told.say(stack, settings, outputs, progress, ca_secret=base.outputs.get("ca_secret"), as_json=as_json)
    told.warn_of_no_address(settings["domain"])


@app.command(name="list")
def list_command(
    platform: OnPlatform = "dev", cluster: ClusterName = "default", as_json: AsJson = False
) -> None:
    """Shows the stacks that there are, and how long each has left."""
    place, now = of_platform(platform, cluster), datetime.now(UTC)
    names = place.stacks()
    with ThreadPoolExecutor(8) as pool:
        records = zip(names, pool.map(lambda name: _read(EphemeralStack(place, name)), names), strict=True)
        found = {
            name: record
            for name, record in records
            if record is not None and (isinstance(record, str) or record.platform in ("", platform))
        }
    if as_json:
        print(json.dumps([told.row(name, record, now) for name, record in found.items()], indent=2))
        return
    told.print_stacks(found, now)


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
        ephemeral_end.with_kubeconfig(record)
        EphemeralCluster(name, record.settings)
        if expires == record.expires:
            console.print(f"{name} lives longer than that already.", highlight=False)
        settings = {**record.settings, "expires": moment_text(expires)}
        progress = Progress(console, title=name)
        # The record alone: whose checkout this is must not decide what the stack runs.
        stack.up(settings, progress, there=True, only=record.life)
    told.say(stack, settings, record.outputs, progress, ca_secret=None, as_json=as_json)


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
            where = record.settings.get("clusterServer", "its cluster")
            console.print(
                f"Stack {name} is forgotten. What of it is left where {where} was, nobody lists: its namespace, and "
                "volumes that outlive a cluster.",
                highlight=False,
            )
            return
        with progress.shown():
            ephemeral_end.end(stack, record, progress)
    console.print(f"Nothing of {name} is left ({progress.seconds:.0f} s).", highlight=False)


@app.command()
def reap(
    pull_requests: Annotated[
        str | None,
        typer.Option(metavar="OWNER/REPOSITORY", help="Also end pr-N where its pull request N is closed."),
    ] = None,
    platform: OnPlatform = "dev",
    cluster: ClusterName = "default",
    as_json: AsJson = False,
) -> None:
    """Destroys all stacks that have expired, and says what it could not; exit code 1 then."""
    place, now = of_platform(platform, cluster), datetime.now(UTC)
    names, closed = place.stacks(), Closed()
    try:
        closed = of_closed(pull_requests, names) if pull_requests is not None else closed
    except OpsError as error:
        # What has expired ends all the same.
        closed = Closed(unsaid=(str(error),))
    # A line for each: several tables at a time would write over one another.
    plain = Console(stderr=True, soft_wrap=True, emoji=False, force_terminal=False)
    found = []
    with _goes_on():
        try:
            for item in ephemeral_end.reap(
                place, names, closed.names, lambda name: Progress(plain, title=name)
            ):
                found.append(item)
                if not as_json:
                    when = left(item.expires, now) if item.expires else "no end noted"
                    line = f"{item.name}: {item.outcome} ({item.why or when})"
                    output.print(line, markup=False, highlight=False)
        finally:
            if as_json:
                print(json.dumps([told.reaped_row(item) for item in found], indent=2))
    if closed.unsaid:
        raise OpsError(" ".join(closed.unsaid))
    if any(item.outcome is ephemeral_end.Outcome.FAILED for item in found):
        sys.exit(1)


def _read(stack: EphemeralStack) -> Record | str | None:
    """What the state says; why it cannot be read; None where there is no such stack any more."""
    try:
        return stack.record()
    except OpsError as error:
        return str(error)


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
