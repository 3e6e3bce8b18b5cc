"""Commands around `pulumi up`; the Makefile calls them."""

from __future__ import annotations

import json
import shlex
import shutil
import signal
import sys
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ops import (
    adoption,
    ephemeral,
    forward,
    pull_requests,
    settings_table,
    snapshots,
    speech,
    stack_file,
    stacks_diff,
    teardown,
)
from ops.errors import OpsError
from ops.manifests import Change, Manifests
from ops.release import Recorded, release, render_as_committed
from ops.rollback import rollback
from ops.workspace import CHECKOUT, OwnBackend, Workspace, embedded, of_context
from stacks.problems import SettingsError

Name = Annotated[str, typer.Option(help="Name of the embedded cluster.")]
Kubeconfig = Annotated[Path, typer.Option(help="Kubeconfig of the cluster.")]
Context = Annotated[str | None, typer.Option(help="Context of a cluster that is not the embedded one.")]
Delivered = Annotated[str, typer.Argument(help="A stack that Argo CD delivers: prod")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

app = typer.Typer(help=__doc__, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
app.add_typer(snapshots.app, name="snapshots")
app.add_typer(ephemeral.app, name="ephemeral")
app.command(name="audit")(snapshots.audit)
pull_requests.add_to(app)
# Without emoji: what is between two colons, as in an image's name, would become one.
console = Console(stderr=True, soft_wrap=True, emoji=False)
output = Console(emoji=False)


@app.command()
def up(
    kubeconfig: Kubeconfig,
    name: Name = "default",
    context: Context = None,
    port: Annotated[int | None, typer.Option(help="Port of 127.0.0.1 that leads to the edge.")] = None,
    wav: Annotated[Path, typer.Option(help="Where to put the sentence that is spoken.")] = Path("hello.wav"),
) -> None:
    """Puts the local stack onto a cluster with the real `pulumi up`, and has it say something."""
    workspace = _workspace(name, context)
    kubeconfig = kubeconfig.expanduser().resolve()
    port = port or forward.free_port()
    settings: dict[str, Any] = {"kubeconfig": str(kubeconfig), "httpsPort": port}
    if context is not None:
        settings["kubeContext"] = context
        if not workspace.exists:
            adoption.refuse(kubeconfig, context)
    with workspace.locked():
        workspace.prepare(settings)
        workspace.run("up", "--yes", "--skip-preview")
        outputs = json.loads(workspace.run("stack", "output", "--json", capture=True).stdout)
    secret = outputs.get("ca_secret")
    ca = speech.authority(str(kubeconfig), context, secret) if secret else None
    # The embedded cluster forwards its port by itself.
    with nullcontext() if context is None else forward.forwarded(kubeconfig, context, port):
        spoken = speech.speak(outputs["url"], ca)
    wav.write_bytes(spoken.wav)
    _say_how_to_use(outputs, ca, wav, spoken.seconds)
    if context is not None:
        output.print("Both work while this runs:")
        print(shlex.join(forward.command(kubeconfig, context, port)))


@app.command()
def destroy(context: Annotated[str, typer.Option(help="Context whose cluster has the local stack.")]) -> None:
    """Takes the local stack off the cluster of a kube context, volumes included."""
    workspace = _workspace("", context)
    if not workspace.exists:
        raise OpsError(f"make up CONTEXT={context} has put nothing onto that cluster from this machine.")
    with workspace.locked():
        workspace.run("destroy", "--yes", "--skip-preview")
    shutil.rmtree(workspace.directory)


def _workspace(name: str, context: str | None) -> Workspace:
    return embedded(name) if context is None else of_context(context)


def _say_how_to_use(outputs: dict[str, Any], ca: str | None, wav: Path, seconds: float) -> None:
    trust = ""
    if ca is not None:
        # Beside the audio, where whoever called sudo can read it.
        file = wav.with_name("ca.crt")
        file.write_text(ca)
        trust = f"--cacert {shlex.quote(str(file))} "
    body = shlex.quote(json.dumps({"input": speech.SENTENCE}))
    url = outputs["url"].rstrip("/")
    output.print(f"\nThe service speaks: {wav} holds {seconds:.1f} s of audio that it has just made.")
    output.print(f"Open      {url}", soft_wrap=True)
    output.print(f"WebSocket {outputs['websocket_url']}", soft_wrap=True)
    json_type = "-H 'Content-Type: application/json'"
    output.print("Or say something else:")
    print(f"curl -sS {trust}{json_type} -d {body} -o speech.wav {url}/v1/audio/speech")


@app.command(name="destroy-stack")
def destroy_stack(
    stack: Annotated[str, typer.Argument(help="dev or prod")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what is left as JSON.")] = False,
) -> None:
    """Destroys a stack in the backend that you are logged in to, but for production's data, and says what is left."""
    stack_file.path(CHECKOUT, stack)
    pulumi = OwnBackend(stack)
    teardown.refuse_protected(pulumi)
    if not yes and typer.prompt(f"This ends the service of stack {stack}. Type its name to go on") != stack:
        raise OpsError("Another name: nothing was changed.")
    kept = teardown.teardown(pulumi)
    if as_json:
        print(json.dumps([asdict(item) for item in kept], indent=2))
        return
    _say_what_is_left(stack, kept)


def _say_what_is_left(stack: str, kept: list[teardown.Kept]) -> None:
    if not kept:
        output.print(f"Nothing of stack {stack} is left.")
        return
    table = Table("kind", "name", "why", title=f"Left of stack {stack}, and paid for until deleted by hand")
    for item in kept:
        table.add_row(item.kind, item.name, item.why)
    output.print(table)


@app.command(name="render")
def render_command(
    stack: Annotated[
        str | None, typer.Argument(help="A stack that Argo CD delivers: prod. Default: every one.")
    ] = None,
    check: Annotated[
        bool, typer.Option(help="Write nothing, and fail where the files are not what is rendered.")
    ] = False,
) -> None:
    """Writes manifests/STACK, what Argo CD syncs, as the code and the stack's settings make it."""
    # Not above: Pulumi's SDK is slow to import, and only this command needs it.
    from ops.render import delivered, render

    for name in delivered(CHECKOUT) if stack is None else [stack]:
        rendered = render(CHECKOUT, name)
        if not check:
            _say_what_changed(rendered, rendered.write())
            continue
        for line in rendered.check():
            print(line)
        output.print(f"{rendered.place} is what the code renders.")


def _say_what_changed(rendered: Manifests, changes: dict[str, Change]) -> None:
    table = Table("file", "change", title=rendered.place)
    for name, change in changes.items():
        if change is not Change.SAME:
            table.add_row(escape(name), change.value)
    same = sum(change is Change.SAME for change in changes.values())
    if table.row_count:
        output.print(table)
    output.print(f"{same} of {len(changes)} files in {rendered.place} stay as they were.")


@app.command(name="release")
def release_command(
    stack: Delivered,
    image: Annotated[str, typer.Option(help="REPOSITORY:TAG or REPOSITORY@DIGEST.")],
    branch: Annotated[str | None, typer.Option(help="Default release/STACK-TAG, a new one.")] = None,
    as_json: AsJson = False,
) -> None:
    """Gives a stack another image, in one commit on a branch; your own branch and files stay as they are."""
    _say_what_is_recorded(release(CHECKOUT, stack, image, branch, render_as_committed), as_json)


@app.command(name="rollback")
def rollback_command(
    stack: Delivered,
    to: Annotated[
        str | None, typer.Option(help="Commit to go back to. Default: before the last change.")
    ] = None,
    branch: Annotated[str | None, typer.Option(help="Default rollback/STACK-COMMIT, a new one.")] = None,
    as_json: AsJson = False,
) -> None:
    """Undoes a stack's last change, in one commit on a branch; with --branch main, on the one that Argo CD follows."""
    done = rollback(CHECKOUT, stack, to, branch)
    _say_what_is_recorded(done, as_json)
    if done.settings:
        console.print(
            f"With it go back: {', '.join(done.settings)}. The next pulumi up follows; what is not meant, write again.",
            highlight=False,
        )
    if done.code_stays:
        console.print(
            f"The code changed too since {done.to[:12]}, and stays: revert that as well if make render STACK={stack} "
            "changes anything.",
            highlight=False,
        )


def _say_what_is_recorded(done: Recorded, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(done), indent=2))
        return
    print(f"Branch {done.branch}, commit {done.commit}")
    same = done.before == done.after
    print(f"The image stays {done.after}" if same else f"From   {done.before}\nTo     {done.after}")
    print(f"It is not pushed yet: git push origin {shlex.quote(done.branch)}")


@app.command(name="diff-stacks")
def diff_stacks(
    first: Annotated[str, typer.Argument(help="A stack: dev")],
    second: Annotated[str, typer.Argument(help="Another: prod")],
    everything: Annotated[bool, typer.Option("--all", help="Show what is equal too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Shows two stacks' settings side by side, defaults included: what a promotion would change."""
    settings = stacks_diff.compare(CHECKOUT, first, second)
    shown = [item for item in settings if everything or item.differs]
    if as_json:
        rows = {item.key: {"differs": item.differs, first: item.first, second: item.second} for item in shown}
        print(json.dumps(rows, indent=2))
        return
    table = Table("", "key")
    for stack in (first, second):
        # Never cut off: the difference may be at the end.
        table.add_column(stack, overflow="fold")
    for item in shown:
        cells = (escape(_cell(item.first)), escape(_cell(item.second)))
        table.add_row("≠" if item.differs else "", item.key, *cells, style="bold" if item.differs else "dim")
    output.print(table)
    differing = sum(item.differs for item in settings)
    output.print(f"{differing} of {len(settings)} settings differ.")


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value)


@app.command()
def forget(name: Name = "default") -> None:
    """Forgets the local stack of a cluster that is gone."""
    shutil.rmtree(embedded(name).directory, ignore_errors=True)


@app.command(name="settings-table")
def table() -> None:
    """Writes the tables of config keys, in docs/settings.md, and of the rules, in docs/policy.md."""
    # Not above: it takes the whole pack along.
    from ops import policy_table

    settings_table.write(CHECKOUT / "docs" / "settings.md", CHECKOUT / "Pulumi.yaml")
    policy_table.write(CHECKOUT / "docs" / "policy.md")


def main() -> None:
    """Runs a command; problems that a person can mend are one line and exit code 1."""
    signal.signal(signal.SIGINT, _interrupted)
    try:
        app()
    except (OpsError, SettingsError) as error:
        # Escaped: a list that somebody is told to write is in brackets, as rich's own markup is.
        console.print(f"[red]error:[/red] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(1)


_GO_ON = frozenset({"up", "destroy", "destroy-stack", "ephemeral"})
"""Commands that, called again, go on with what Pulumi's state says is done."""


def _interrupted(number: int, _: object) -> None:
    goes_on = _GO_ON.intersection(sys.argv[1:2])
    console.print(f"Interrupted: the same command {'goes on from here' if goes_on else 'starts anew'}.")
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
