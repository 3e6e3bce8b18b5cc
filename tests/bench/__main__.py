"""`make bench`: measures, prints tables, draws plots and keeps the figures."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import traceback
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter
from rich.console import Console
from rich.markup import escape

from local.errors import LocalError
from tests.bench import machine, pages
from tests.bench.results import KEPT, Results, kept
from tests.bench.run import CLUSTER, STATE, Run, alone
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
    part: Annotated[
        str | None, typer.Option(help="Only these of its results: edge-sockets,edge-streams.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Little of everything, and nothing is kept.")
    ] = False,
    keep_cluster: Annotated[
        bool, typer.Option("--keep-cluster", help="Leave the cluster bench running.")
    ] = False,
) -> None:
    """Measures, and keeps each result as soon as it is there."""
    this = Run(
        console=console,
        quick=quick,
        keep_cluster=keep_cluster,
        only=frozenset(part.split(",") if part else ()),
    )
    if keep_cluster and len(only or ()) != 1:
        raise LocalError("A cluster is kept for one benchmark at a time: name it (ONLY=edge).")
    chosen = {
        name: importlib.import_module(f"tests.bench.{name}.measure") for name in only or list(Benchmark)
    }
    parts = [one for module in chosen.values() for one in module.PARTS]
    if unknown := this.only.difference(parts):
        raise LocalError(f"There is no part {', '.join(sorted(unknown))} here, but {', '.join(parts)}.")
    wanted = {name: module for name, module in chosen.items() if any(map(this.wants, module.PARTS))}
    safe: list[str] = []
    with alone():
        try:
            failed = _measure(this, wanted, len([*filter(this.wants, parts)]), directory, safe)
        except KeyboardInterrupt:
            this.say(
                f"Interrupted. Kept so far: {', '.join(safe) or 'nothing'}; "
                f"make down NAME={CLUSTER} takes a cluster down that is still there."
            )
            raise typer.Exit(130) from None
    if failed:
        lost = [one for one in parts if this.wants(one) and one not in safe and not quick]
        raise LocalError(
            f"Not measured to the end: {', '.join(failed)}."
            + (f" Without new figures: {', '.join(lost)}. All others are kept." if lost else "")
        )


def _measure(
    this: Run, wanted: dict[Benchmark, Any], parts: int, directory: Path, safe: list[str]
) -> list[str]:
    """Adds each part's name to `safe` as soon as it is kept; returns what has failed."""
    failed: list[str] = []
    done = 0
    commit = machine.program()
    this.say(f"Measuring commit {commit['commit'] or 'unknown'}{', with changes' if commit['dirty'] else ''}")
    for name, module in wanted.items():
        measure: Generator[Results, None, None] = module.measure(this)
        # Closed at once where an interrupt comes between two results: its cluster goes with it.
        with _told(name, failed), closing(measure):
            for results in measure:
                if results.complete:
                    done += 1
                    this.say(f"[{done}/{parts}] {results.name}")
                    _show(results)
                if not this.quick:
                    with _told(results.name, failed):
                        _keep(results, directory)
                        safe += [results.name] if results.complete else []
    if not this.quick:
        with _told("tables of the pages", failed):
            _pages(kept(directory), directory)
    return failed


@contextmanager
def _told(name: str, failed: list[str]) -> Iterator[None]:
    """Whatever goes wrong in the block is said and written down, and what comes after the block goes on."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - hours of other measurements do not end by one's failure, whatever it is
        failed.append(name)
        said = [
            str(text) for text in (getattr(error, "stdout", None), getattr(error, "stderr", None)) if text
        ]
        file = STATE / f"failed-{name.replace(' ', '-')}.txt"
        STATE.mkdir(parents=True, exist_ok=True)
        file.write_text("".join([*traceback.format_exception(error), *said]), encoding="utf-8")
        why = " ".join(f"{type(error).__name__}: {error}".split())[:500]
        console.print(f"[red]error:[/red] {escape(f'{name}: {why} (all of it: {file})')}", highlight=False)


@app.command()
def report(
    directory: Kept = KEPT,
    as_json: Annotated[bool, typer.Option("--json", help="Print what is kept as JSON.")] = False,
) -> None:
    """Prints the tables of what earlier runs have kept, draws their plots anew, and writes the pages' tables."""
    found = kept(directory)
    if not found:
        raise LocalError(f"Nothing is kept in {directory}: make bench measures.")
    if as_json:
        print(TypeAdapter(list[Results]).dump_json(found, indent=2).decode())
        return
    for results in found:
        _show(results)
        # Not kept anew: that would take what an interrupted run has left for older than this.
        _draw(results, directory)
    _pages(found, directory)


def _show(results: Results) -> None:
    for table in tables(results):
        output.print(table)
    for note in results.notes:
        output.print(f"  {note}", highlight=False, markup=False)
    output.print()


def _keep(results: Results, directory: Path) -> None:
    _wrote([results.keep(directory)])
    if results.complete:
        _draw(results, directory)


def _draw(results: Results, directory: Path) -> None:
    # Not above: it takes a second to import, and --help needs none of it.
    from tests.bench.plots import draw

    _wrote(draw(results, directory))


def _wrote(files: Sequence[Path]) -> None:
    for file in files:
        console.print(f"Wrote {file}", highlight=False, markup=False)


def _pages(found: Sequence[Results], directory: Path) -> None:
    # What is kept elsewhere is not what the pages are of.
    if directory.resolve() != KEPT:
        return
    try:
        written = pages.write(found)
    except ValueError as error:
        raise LocalError(f"The figures are kept, but a page's table asks for others: {error}.") from error
    for page in written:
        console.print(f"Wrote {page}", highlight=False, markup=False)


def main() -> None:
    """Runs a command; an interrupted one takes its cluster down."""
    signal.signal(signal.SIGTERM, _interrupted)
    # A script starts what it puts into the background with this one ignored, and so would be each command here: pulumi
    # ends its plugins by it, and waits for five seconds for those that do not hear.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Under nohup it is ignored, and stays so.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        terminals = [stream.fileno() for stream in (sys.stdout, sys.stderr) if stream.isatty()]
        signal.signal(signal.SIGHUP, partial(_hung_up, terminals))
    try:
        app()
    except LocalError as error:
        console.print(f"[red]error:[/red] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(1)


def _interrupted(number: int, _: object) -> None:
    raise KeyboardInterrupt(number)


def _hung_up(terminals: Sequence[int], number: int, _: object) -> None:
    # The kernel says so, and then the shell and make once more each, which would end the cluster's end.
    signal.signal(number, lambda *_: None)
    # So would a word to a terminal that is gone: it is an error.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for terminal in terminals:
        os.dup2(nowhere, terminal)
    raise KeyboardInterrupt(number)


if __name__ == "__main__":
    main()
