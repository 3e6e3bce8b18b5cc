"""Commands of the embedded cluster; `make up`, `make status` and `make down` call them."""

from __future__ import annotations

import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from local import toolchain
from local.cluster import layout, lifecycle
from local.cluster import status as cluster_status
from local.errors import LocalError

Name = Annotated[str, typer.Option(help="Name of the cluster; several can run side by side.")]

app = typer.Typer(help=__doc__, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
console = Console(stderr=True, soft_wrap=True)
# A pipe has no width: a table must not be cut for it.
output = Console() if sys.stdout.isatty() else Console(width=160)


@app.command()
def up(
    name: Name = "default",
    port: Annotated[
        int | None,
        typer.Option(
            help="Port of 127.0.0.1 to forward to the edge: 8443 for a new cluster, 0 for a free one."
        ),
    ] = None,
) -> None:
    """Starts the cluster, or mends it; builds first whatever is not there."""
    cluster = lifecycle.up(name, port, console)
    console.print(f"Cluster {name} is up: kubectl --kubeconfig {cluster.kubeconfig} get nodes")


@app.command()
def down(name: Name = "default") -> None:
    """Ends the cluster and removes all that it made, volumes included."""
    lifecycle.down(name, console)


@app.command()
def status(
    name: Name = "default",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """What runs where, and whether it is well; exit code 1 where something is not."""
    if not cluster_status.show(_existing(name), output, as_json=as_json):
        raise typer.Exit(1)


@app.command()
def kubeconfig(name: Name = "default") -> None:
    """Prints the path of the cluster's kubeconfig."""
    print(_existing(name).kubeconfig)


@app.command()
def port(name: Name = "default") -> None:
    """Prints the port of 127.0.0.1 at which the cluster's edge answers."""
    print(_existing(name).port)


@app.command()
def tools(
    group: Annotated[
        list[str] | None, typer.Option(help="Only these: pulumi, cluster, gitops, checks or bench.")
    ] = None,
) -> None:
    """Builds what is missing and prints the directory that holds every binary, for PATH.

    Without a group: what every cluster needs.
    """
    print(toolchain.ensure(console, *(group or ())))


@app.command()
def upstream() -> None:
    """Lays the manifests and charts of the pinned tags where the Pulumi program looks first."""
    toolchain.upstream_directory(console)


@app.command()
def images(file: Path, name: Name = "default") -> None:
    """Assembles the images of a definition file and loads them into the cluster's nodes."""
    lifecycle.add_images(_existing(name), file, console)


@app.command()
def git(
    directory: Annotated[Path, typer.Argument(help="What holds the repository; made where it is not there.")],
    name: Name = "default",
    port: Annotated[int, typer.Option(help="Port of the URL.")] = 9418,
) -> None:
    """Serves a git repository to the cluster's pods, and to nobody else, until it is interrupted."""
    # Not above: its web server is slow to import, and most commands have no use for it.
    from local.git_server import BRANCH, GitServer

    cluster = _existing(name)
    with GitServer.within(cluster, directory.resolve(), port=port) as server, suppress(KeyboardInterrupt):
        signal.signal(signal.SIGINT, signal.default_int_handler)
        console.print(f"Push here:     git push {server.repository} HEAD:{BRANCH}")
        console.print(f"gitRepository: {server.url}")
        server.wait()


def _existing(name: str) -> layout.Cluster:
    cluster = layout.find(layout.check_name(name))
    if cluster is None:
        raise LocalError(f"There is no cluster {name}: make up NAME={name} starts it.")
    return cluster


def main() -> None:
    """Runs a command; problems that a person can mend are one line and exit code 1."""
    # An interrupted or terminated command unwinds, so that half-made files go.
    signal.signal(signal.SIGINT, _interrupted)
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        app()
    except LocalError as error:
        console.print(f"[red]error:[/red] {error}", highlight=False, soft_wrap=True)
        sys.exit(1)


def _interrupted(number: int, _: object) -> None:
    console.print("Interrupted: make up goes on from here, make down cleans up.")
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
