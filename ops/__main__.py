"""Commands around `pulumi up`; the Makefile calls them."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import sys
import tempfile
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ops import adoption, forward, settings_table, speech, teardown
from ops.errors import OpsError
from ops.workspace import CHECKOUT, OwnBackend, Workspace, embedded, of_context

Name = Annotated[str, typer.Option(help="Name of the embedded cluster.")]
Kubeconfig = Annotated[Path, typer.Option(help="Kubeconfig of the cluster.")]
Context = Annotated[str | None, typer.Option(help="Context of a cluster that is not the embedded one.")]

app = typer.Typer(help=__doc__, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
console = Console(stderr=True, soft_wrap=True)
output = Console()


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


@app.command()
def preview(stack: Annotated[str, typer.Argument(help="local, dev or prod")]) -> None:
    """Shows what `pulumi up` of a stack would change, in the backend that you are logged in to.

    Without a login it shows the whole stack, from a scratch state that is thrown away.
    """
    _check_stack(stack)
    if os.environ.get("PULUMI_BACKEND_URL") or _logged_in():
        pulumi = shutil.which("pulumi") or "pulumi"
        command = [pulumi, "preview", "--stack", stack, "--cwd", str(CHECKOUT)]
        os.execv(pulumi, command)  # noqa: S606 - the person's own pulumi takes over from here
    with tempfile.TemporaryDirectory(prefix="tts-platform-preview-") as directory:
        workspace = Workspace(stack=stack, directory=Path(directory))
        workspace.prepare({})
        workspace.run("preview")


def _check_stack(stack: str) -> None:
    if not (CHECKOUT / f"Pulumi.{stack}.yaml").exists():
        stacks = sorted(file.name.split(".")[1] for file in CHECKOUT.glob("Pulumi.*.yaml"))
        raise OpsError(f"There is no stack {stack}: write one of {', '.join(stacks)}.")


def _logged_in() -> bool:
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    credentials = home / "credentials.json"
    return credentials.exists() and bool(json.loads(credentials.read_text()).get("current"))


@app.command(name="destroy-stack")
def destroy_stack(
    stack: Annotated[str, typer.Argument(help="dev or prod")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what is left as JSON.")] = False,
) -> None:
    """Destroys a stack in the backend that you are logged in to, but for production's data, and says what is left."""
    _check_stack(stack)
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


@app.command()
def forget(name: Name = "default") -> None:
    """Forgets the local stack of a cluster that is gone."""
    shutil.rmtree(embedded(name).directory, ignore_errors=True)


@app.command(name="settings-table")
def table() -> None:
    """Writes the README's table of config keys anew, from Pulumi.yaml."""
    settings_table.write(CHECKOUT / "README.md", CHECKOUT / "Pulumi.yaml")


def main() -> None:
    """Runs a command; problems that a person can mend are one line and exit code 1."""
    signal.signal(signal.SIGINT, _interrupted)
    try:
        app()
    except OpsError as error:
        console.print(f"[red]error:[/red] {error}", highlight=False, soft_wrap=True)
        sys.exit(1)


def _interrupted(number: int, _: object) -> None:
    console.print("Interrupted: the same command goes on from here.")
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
