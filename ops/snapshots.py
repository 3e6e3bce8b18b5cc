"""Lists, takes, keeps and restores snapshots of a stack's volumes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from components.tts.snapshot_job.names import Reason, SnapshotSet
from ops import snapshot_list, snapshot_orphans, snapshot_restore, stack_file
from ops.audit import Entry, Note, note_done, noting, person
from ops.errors import OpsError
from ops.release import committed, render_as_committed
from ops.snapshot_cluster import Backend, StackCluster, answers, backend, connected
from ops.snapshot_commit import record
from ops.snapshot_prompt import agreed, say_what_stays
from ops.snapshot_restore import RESTORE_FROM, Plan
from ops.snapshot_settings import why_none
from ops.snapshot_take import take
from ops.workspace import CHECKOUT, OwnBackend, Workspace
from stacks.choices import Delivery

StackName = Annotated[str, typer.Argument(metavar="STACK", help="local, dev or prod")]
SnapshotName = Annotated[str, typer.Argument(metavar="SNAPSHOT", help="Its name, as list shows it.")]
ClusterName = Annotated[str, typer.Option("--name", help="Of stack local: name of the embedded cluster.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

app = typer.Typer(help=__doc__, no_args_is_help=True)
# Without emoji: what is between two colons, as in an image's name, would become one.
console = Console(stderr=True, soft_wrap=True, emoji=False)
output = Console(emoji=False)


@app.command(name="list")
def list_command(
    stack: StackName,
    name: ClusterName = "default",
    orphans: Annotated[
        bool, typer.Option("--orphans", help="Those that are gone here and still in the storage.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Shows a stack's snapshots, newest first. As JSON, with the storage system's own handles."""
    with answers(stack):
        where = backend(stack, name)
        cluster, none = connected(where), why_none(where)
        if orphans:
            _list_orphans(cluster, as_json)
            return
        found = _found(cluster, none)
        handles = cluster.handles() if as_json else {}
    now = datetime.now(UTC)
    if as_json:
        print(json.dumps([snapshot_list.as_json(item, now, handles) for item in found], indent=2))
        return
    if not found:
        one = f"Stack {stack} has no snapshot: make snapshot STACK={stack} WHY=... takes one."
        output.print(none or one, soft_wrap=True, highlight=False)
        return
    _wide().print(snapshot_list.table(stack, found, now))
    good = snapshot_list.last_good(stack, found, now, cluster.namespace)
    output.print(none or good, soft_wrap=True, highlight=False)


def _found(cluster: StackCluster, none: str | None) -> list[SnapshotSet]:
    try:
        return [item for item in cluster.snapshots() if item.stack == cluster.stack]
    except OpsError:
        # A cluster that knows no snapshots is as it should be, where the settings want none.
        if none is None:
            raise
        return []


def _list_orphans(cluster: StackCluster, as_json: bool) -> None:
    found = snapshot_orphans.orphans(cluster)
    if as_json:
        print(json.dumps([snapshot_orphans.as_json(one) for one in found], indent=2))
    elif found:
        _wide().print(snapshot_orphans.table(cluster.stack, found, datetime.now(UTC)))
    else:
        output.print(f"The storage has no snapshot of stack {cluster.stack} but those that list shows.")


@app.command(name="take")
def take_command(
    stack: StackName,
    why: Annotated[str, typer.Option(help="What it is for, in your words.")],
    name: ClusterName = "default",
    as_json: AsJson = False,
) -> None:
    """Takes a snapshot of all volumes now, waits until it is ready, and prints its name."""
    who = person(CHECKOUT)
    with answers(stack):
        where = backend(stack, name)
        _refuse_none(where)
        cluster = connected(where)
        try:
            # Within, so that what the cluster refuses is noted too.
            with answers(stack), console.status("Starting") as status:
                taken = take(cluster, why, who, status.update)
        except OpsError as error:
            # Why there is none comes first.
            with suppress(OpsError):
                noting(cluster.log, who, why, "")(f"take failed: {error}")
            raise
        note_done(noting(cluster.log, who, why, taken), "taken", f"It is taken: {taken}.")
    print(json.dumps({"name": taken}) if as_json else taken)


@app.command()
def pin(
    stack: StackName,
    snapshot: SnapshotName,
    off: Annotated[bool, typer.Option("--off", help="Let the schedule delete it again in its turn.")] = False,
    why: Annotated[str, typer.Option(help="What for, in your words.")] = "",
    name: ClusterName = "default",
) -> None:
    """Keeps a snapshot however old it gets."""
    with answers(stack):
        cluster = connected(backend(stack, name))
        chosen = cluster.snapshot(snapshot)
        note = noting(cluster.log, person(CHECKOUT), why, snapshot)
        with _noted(stack, note, *(("unpin", "unpinned") if off else ("pin", "pinned"))):
            cluster.pin(chosen, on=not off)
    if not off:
        said = f"{snapshot} is kept until {_unpin(stack, snapshot)}."
    elif chosen.reason == Reason.SCHEDULED:
        said = f"{snapshot} is no longer pinned: the schedule deletes it in its turn."
    else:
        said = f"{snapshot} is no longer pinned. The schedule deletes only its own: this one stays until a person does."
    output.print(said, soft_wrap=True, highlight=False)


@app.command()
def prune(
    stack: StackName,
    older_than: Annotated[int, typer.Option(min=0, help="Days that they are old at least.")],
    why: Annotated[str, typer.Option(help="What for, in your words.")] = "",
    even_the_last: Annotated[
        bool, typer.Option("--even-the-last", help="Also where the stack has no other good snapshot.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    name: ClusterName = "default",
) -> None:
    """Deletes from the storage what list --orphans shows and nobody has pinned, for good."""
    now = datetime.now(UTC)
    with answers(stack):
        cluster = connected(backend(stack, name))
        found = snapshot_orphans.prunable(cluster, now, older_than, last=even_the_last)
        if not found:
            output.print(f"Nothing to delete: no orphan of stack {stack} that is not pinned is that old.")
            return
        _wide().print(snapshot_orphans.table(stack, found, now))
        if not yes:
            typer.confirm(f"Delete {len(found)} for good, data and all?", abort=True, err=True)
        note = noting(cluster.log, person(CHECKOUT), why, ", ".join(one.snapshot for one in found))
        with _noted(stack, note, "prune", "pruned"):
            snapshot_orphans.prune(cluster, found)
    output.print(f"The storage deletes them now. make snapshots STACK={stack} ORPHANS=1 shows what is left.")


@contextmanager
def _noted(stack: str, note: Note, act: str, done: str) -> Iterator[None]:
    """Nothing is done that the log has not been told of before."""
    note(f"{act} asked")
    try:
        with answers(stack):
            yield
    except OpsError as error:
        with suppress(OpsError):
            note(f"{act} failed: {error}")
        raise
    note_done(note, done, f"It is {done}.")


def _unpin(stack: str, snapshot: str) -> str:
    return f"make pin STACK={stack} SNAPSHOT={snapshot} OFF=1"


@app.command()
def restore(
    stack: StackName,
    snapshot: SnapshotName,
    with_image: Annotated[
        bool, typer.Option("--with-image", help="Put the image and its settings of then back, too.")
    ] = False,
    why: Annotated[str | None, typer.Option(help="What for, in your words.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    branch: Annotated[
        str | None, typer.Option(help="Of a delivery from git. Default restore/STACK-SNAPSHOT, a new one.")
    ] = None,
    name: ClusterName = "default",
) -> None:
    """Gives the service new volumes made from a snapshot. The old ones stay until somebody removes them."""
    where = backend(stack, name)
    _refuse_none(where)
    with answers(stack):
        if _delivery(where) is Delivery.GITOPS:
            _restore_by_commit(where, snapshot, with_image, why, yes, branch)
            return
        # From the first look to the end: what a person says yes to is what is done.
        with where.locked():
            _restore_directly(where, snapshot, with_image, why, yes)


def _restore_directly(where: Backend, snapshot: str, with_image: bool, why: str | None, yes: bool) -> None:
    cluster = connected(where)
    chosen = _planned(cluster, where, snapshot, with_image)
    if isinstance(where, OwnBackend):
        # What the program would refuse, before anybody is asked.
        stack_file.read(CHECKOUT, where.stack, **chosen.settings)
    why = agreed(chosen, why, yes=yes, brings_back=snapshot_restore.again(where.stack))
    # A person may take their time, and the schedule deletes meanwhile.
    if _planned(cluster, where, snapshot, with_image) != chosen:
        raise OpsError(_CHANGED)
    note = noting(cluster.log, person(CHECKOUT), why, snapshot, chosen.claims)
    snapshot_restore.apply(cluster, where, chosen, note, ask=not yes)
    output.print(f"\nRestored: the service has {', '.join(chosen.claims)}.", soft_wrap=True)
    say_what_stays(cluster, chosen)
    if isinstance(where, OwnBackend):
        output.print(f"Commit {where.config_file.name}: it has {RESTORE_FROM} now.", soft_wrap=True)


def _restore_by_commit(
    where: Backend, snapshot: str, with_image: bool, why: str | None, yes: bool, branch: str | None
) -> None:
    cluster = connected(where)

    def planned() -> Plan:
        # By what the commit will stand on, and not by what the working tree has beside it.
        settings = committed(CHECKOUT, where.stack, branch)
        return snapshot_restore.plan(cluster, settings, snapshot, with_image=with_image)

    chosen = planned()
    why = agreed(chosen, why, yes=yes, brings_back="a commit that takes it back is synced")
    if planned() != chosen:
        raise OpsError(_CHANGED)
    who = person(CHECKOUT)
    note = noting(cluster.log, who, why, snapshot, chosen.claims)

    def pin(on: bool) -> None:
        cluster.pin(cluster.snapshot(snapshot), on=on)

    done = record(CHECKOUT, chosen, who, why, branch, render_as_committed, note, pin)
    print(f"Branch {done.branch}, commit {done.commit}")
    print(f"Argo CD restores when it is on its branch: git push origin {done.branch}, and merge it.")
    if not chosen.pinned:
        print(f"{snapshot} is pinned until then. Once it is restored: {_unpin(where.stack, snapshot)}")
    say_what_stays(cluster, chosen)


_CHANGED = "The stack has changed meanwhile, and nothing was done: look again."


def _refuse_none(where: Backend) -> None:
    none = why_none(where)
    if none is not None:
        raise OpsError(none)


def _planned(cluster: StackCluster, where: Backend, snapshot: str, with_image: bool) -> Plan:
    text = where.config_file.read_text(encoding="utf-8")
    return snapshot_restore.plan(cluster, stack_file.keys(text), snapshot, with_image=with_image)


def _delivery(where: Backend) -> Delivery:
    if isinstance(where, Workspace):
        settings = stack_file.keys(where.config_file.read_text(encoding="utf-8"))
        return Delivery(settings.get("delivery") or Delivery.DIRECT)
    return stack_file.read(CHECKOUT, where.stack).settings.delivery


def audit(stack: StackName, name: ClusterName = "default", as_json: AsJson = False) -> None:
    """Shows who did what to a stack's snapshots, when and why, in order."""
    with answers(stack):
        entries = connected(backend(stack, name)).log.entries()
    if as_json:
        print(json.dumps([_without_id(entry) for entry in entries], indent=2))
        return
    if not entries:
        output.print(f"Nobody has restored, taken or pinned a snapshot of stack {stack} yet.")
        return
    table = Table("", "when", "who", "what", "snapshot", "why", "claims", title=f"Audit log of stack {stack}")
    for entry in entries:
        cells = (entry.at, entry.who, entry.what, entry.snapshot, entry.why, ", ".join(entry.claims))
        table.add_row(str(entry.number), *(escape(cell) for cell in cells))
    _wide().print(table)


def _wide() -> Console:
    """For tables with names that are there to be copied. Into a pipe, rich would fold at 80 columns."""
    return output if output.is_terminal else Console(width=240, emoji=False)


def _without_id(entry: Entry) -> dict[str, Any]:
    return {key: value for key, value in asdict(entry).items() if key != "id"}
