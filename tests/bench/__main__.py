"""`make bench`: measures, prints tables, draws plots and keeps the figures."""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from kubernetes.client.exceptions import ApiException
from rich.console import Console
from rich.markup import escape

from local.errors import LocalError
from ops.errors import OpsError
from tests.bench import pages
from tests.bench.results import KEPT, Results, kept
from tests.bench.run import Run
from tests.bench.tables import tables


class Benchmark(StrEnum):
    """What there is to measure; each is a directory beside this file, with a function `measure`."""

    EDGE = "edge"
    ROLLOUT = "rollout"
    PROGRAM = "program"
    SCALE = "scale"


app = typer.Typer(help=__doc__, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
console = Console(stderr=True, soft_wrap=True, emoji=False)
output = Console() if sys.stdout.isatty() else Console(width=160)

Kept = Annotated[Path, typer.Option("--output", help="Where the figures and the plots are kept.")]


@app.command()
def run(
    only: Annotated[
        list[Benchmark] | None, typer.Argument(help="Which; all of them where none is named.")
    ] = None,
    directory: Kept = KEPT,
    part: Annotated[list[str] | None, typer.Option(help="Only these of its results: edge-sockets.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Little of everything, and nothing is kept.")
    ] = False,
    keep_cluster: Annotated[
        bool, typer.Option("--keep-cluster", help="Leave the cluster bench running.")
    ] = False,
) -> None:
    """Measures, and keeps each result as soon as it is there."""
    this = Run(console=console, quick=quick, keep_cluster=keep_cluster, only=frozenset(part or ()))
    if keep_cluster and len(only or ()) != 1:
        raise LocalError("A cluster is kept for one benchmark at a time: name it (ONLY=edge).")
    chosen = {
        name: importlib.import_module(f"tests.bench.{name}.measure") for name in only or list(Benchmark)
    }
    parts = [one for module in chosen.values() for one in module.PARTS]
    if unknown := this.only.difference(parts):
        raise LocalError(f"There is no part {', '.join(sorted(unknown))} here, but {', '.join(parts)}.")
    failed = []
    for name, module in chosen.items():
        if not any(map(this.wants, module.PARTS)):
            continue
        measure: Callable[[Run], Iterator[Results]] = module.measure
        try:
            for results in measure(this):
                _show(results)
                if not quick:
                    _keep(results, directory)
        except (AssertionError, RuntimeError, OSError, ApiException, LocalError, OpsError) as error:
            console.print(f"[red]error:[/red] {name}: {escape(str(error))}", highlight=False)
            failed.append(name)
    if not quick:
        _pages(kept(directory), directory)
    if failed:
        raise LocalError(f"Not measured to the end: {', '.join(failed)}. What was measured before is kept.")


@app.command()
def report(
    directory: Kept = KEPT,
    as_json: Annotated[bool, typer.Option("--json", help="Print what is kept as JSON.")] = False,
) -> None:
    """Prints the tables of what earlier runs have kept, draws their plots anew, and writes the pages' tables."""
    found = kept(directory)
    for results in found:
        if as_json:
            print(results.model_dump_json())
            continue
        _show(results)
        _keep(results, directory)
    if not as_json:
        _pages(found, directory)


def _show(results: Results) -> None:
    for table in tables(results):
        output.print(table)
    for note in results.notes:
        output.print(f"  {note}", highlight=False, markup=False)
    output.print()


def _keep(results: Results, directory: Path) -> None:
    # Not above: it takes a second to import, and --help needs none of it.
    from tests.bench.plots import draw

    for file in [results.keep(directory), *draw(results, directory)]:
        console.print(f"Wrote {file}", highlight=False)


def _pages(found: Sequence[Results], directory: Path) -> None:
    # What is kept elsewhere is not what the pages are of.
    if directory != KEPT:
        return
    try:
        written = pages.write(found)
    except ValueError as error:
        raise LocalError(f"The figures are kept, but a page's table asks for others: {error}.") from error
    for page in written:
        console.print(f"Wrote {page}", highlight=False)


def main() -> None:
    """Runs a command; an interrupted one takes its cluster down."""
    signal.signal(signal.SIGTERM, _interrupted)
    # A script starts what it puts into the background with this one ignored, and so would be each command here: pulumi
    # ends its plugins by it, and waits for five seconds for those that do not hear.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        app()
    except LocalError as error:
        console.print(f"[red]error:[/red] {error}", highlight=False, soft_wrap=True)
        sys.exit(1)


def _interrupted(number: int, _: object) -> None:
    raise KeyboardInterrupt(number)


if __name__ == "__main__":
    main()
