"""Lists, takes, keeps and restores snapshots of a stack's volumes."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from components.tts.snapshot_job import names
from ops import snapshot_list, snapshot_restore, stack_file
from ops.audit import Entry, noting, person
from ops.errors import OpsError
from ops.release import render_as_committed
from ops.snapshot_cluster import Backend, StackCluster, age, answers, backend, connected
from ops.snapshot_restore import RESTORE_FROM, Plan
from ops.snapshot_take import take
from ops.workspace import CHECKOUT, OwnBackend, Workspace
from stacks.choices import Delivery

StackName = Annotated[str, typer.Argument(metavar="STACK", help="local, dev or prod")]
SnapshotName = Annotated[str, typer.Argument(metavar="SNAPSHOT", help="Its name, as list shows it.")]
ClusterName = Annotated[str, typer.Option("--name", help="Of stack local: name of the embedded cluster.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

app = typer.Typer(help=__doc__, no_args_is_help=True)
console = Console(stderr=True, soft_wrap=True)
output = Console()


@app.command(name="list")
def list_command(stack: StackName, name: ClusterName = "default", as_json: AsJson = False) -> None:
    """Shows a stack's snapshots, newest first. As JSON, with the storage system's own handles."""
    with answers(stack):
        cluster = connected(backend(stack, name))
        found = [item for item in cluster.snapshots() if item.stack == stack]
        handles = cluster.handles() if as_json else {}
    now = datetime.now(UTC)
    if as_json:
        print(json.dumps([snapshot_list.as_json(item, now, handles) for item in found], indent=2))
        return
    if not found:
        output.print(f"Stack {stack} has no snapshot: make snapshot STACK={stack} WHY=... takes one.")
        return
    _wide().print(snapshot_list.table(stack, found, now))


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
        cluster = connected(backend(stack, name))
        note = noting(cluster.log, who, why, "")
        try:
            with console.status("Starting") as status:
                taken = take(cluster, why, who, status.update)
        except OpsError as error:
            note(f"take failed: {error}")
            raise
        noting(cluster.log, who, why, taken)("taken")
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
        cluster.pin(chosen, on=not off)
        noting(cluster.log, person(CHECKOUT), why, snapshot)("unpinned" if off else "pinned")
    output.print(
        f"{snapshot} may go in its turn." if off else f"{snapshot} is kept until --off.", soft_wrap=True
    )


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
    why = _agreed(chosen, why, yes)
    # A person may take their time, and the schedule deletes meanwhile.
    if _planned(cluster, where, snapshot, with_image) != chosen:
        raise OpsError("The stack has changed meanwhile, and nothing was done: look again.")
    note = noting(cluster.log, person(CHECKOUT), why, snapshot, chosen.claims)
    snapshot_restore.apply(cluster, where, chosen, note)
    output.print(f"\nRestored: the service has {', '.join(chosen.claims)}.", soft_wrap=True)
    _say_what_stays(cluster, chosen)
    if isinstance(where, OwnBackend):
        output.print(f"Commit {where.config_file.name}: it has {RESTORE_FROM} now.", soft_wrap=True)


def _restore_by_commit(
    where: Backend, snapshot: str, with_image: bool, why: str | None, yes: bool, branch: str | None
) -> None:
    cluster = connected(where)
    chosen = _planned(cluster, where, snapshot, with_image)
    why = _agreed(chosen, why, yes)
    who = person(CHECKOUT)
    note = noting(cluster.log, who, why, snapshot, chosen.claims)
    done = snapshot_restore.record(CHECKOUT, chosen, who, why, branch, render_as_committed, note)
    print(f"Branch {done.branch}, commit {done.commit}")
    print(f"Argo CD restores when it is on its branch: git push origin {done.branch}, and merge it.")
    _say_what_stays(cluster, chosen)


def _planned(cluster: StackCluster, where: Backend, snapshot: str, with_image: bool) -> Plan:
    text = where.config_file.read_text(encoding="utf-8")
    return snapshot_restore.plan(cluster, stack_file.keys(text), snapshot, with_image=with_image)


def _delivery(where: Backend) -> Delivery:
    if isinstance(where, Workspace):
        settings = stack_file.keys(where.config_file.read_text(encoding="utf-8"))
        return Delivery(settings.get("delivery") or Delivery.DIRECT)
    return stack_file.read(CHECKOUT, where.stack).settings.delivery


def _agreed(chosen: Plan, why: str | None, yes: bool) -> str:
    """Why, in a person's words, once they have seen what is lost. Aborts where they do not go on."""
    stays = ", ".join(sorted(chosen.mounted.values())) or "none is mounted"
    lines = [
        f"Restore stack {chosen.stack} from {chosen.snapshot}:",
        f"  lost   everything since {chosen.taken:%Y-%m-%d %H:%M} UTC, {age(chosen.taken, datetime.now(UTC))} ago",
        f"  new    {', '.join(chosen.claims)}",
        f"  stays  {stays}, as it is then, until somebody removes it",
    ]
    changes = [key for key in chosen.settings if key != RESTORE_FROM]
    lines += [
        f"  {key}: {_shown(chosen.before[key])} becomes {_shown(chosen.settings[key])}" for key in changes
    ]
    if "image" not in changes and chosen.taken_with not in ("", chosen.image):
        lines.append(f"  image  stays {chosen.image}; it was taken with {chosen.taken_with} (--with-image)")
    for line in lines:
        console.print(escape(line), highlight=False)
    if not yes:
        typer.confirm("Go on?", abort=True, err=True)
        if why is None:
            why = typer.prompt("Why", default="", show_default=False, err=True)
    return why or ""


def _shown(value: Any) -> str:
    if value is None:
        return "(not set)"
    return value if isinstance(value, str) else json.dumps(value)


def _say_what_stays(cluster: StackCluster, chosen: Plan) -> None:
    for claim in sorted(chosen.mounted.values()):
        extra = (
            ""
            if claim in names.VOLUME_NAMES
            else (f" When nobody needs it: kubectl --namespace {cluster.namespace} delete pvc {claim}")
        )
        output.print(f"The old {claim} stays.{extra}", soft_wrap=True)


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
    return output if output.is_terminal else Console(width=240)


def _without_id(entry: Entry) -> dict[str, Any]:
    return {key: value for key, value in asdict(entry).items() if key != "id"}
