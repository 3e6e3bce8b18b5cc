"""What the program costs: a preview, a first update and one with nothing to do, and many services in one program."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import linear_regression, median
from typing import Final

from tests.bench import machine
from tests.bench.program import floor, imports
from tests.bench.program.processes import EVERY, LISTED, Measured
from tests.bench.program.watched import Watched
from tests.bench.results import Drawn, Results, Shape
from tests.bench.run import Run
from tests.cluster.deployed import Deployed
from tests.cluster.running import NAMESPACE, Running

_UP: Final = ("up", "--yes", "--skip-preview")
_PREVIEW: Final = "preview"
_FIRST: Final = "first up"
_NOTHING: Final = "up, nothing to do"
_ONCE: Final = "first up, state written once"
_AT_THE_END: Final = {"PULUMI_EXPERIMENTAL": "true", "PULUMI_SKIP_CHECKPOINTS": "true"}
"""The state is written when all is done, not after each step: it shows what the steps cost, nobody is to do it."""

_MIB: Final = 2**20

_PACKAGES: Final = {"Pulumi": "pulumi", "pulumi-kubernetes": "pulumi-kubernetes"}

PARTS: Final = ("program", "program-services")

_SHORT: Final = (
    f"The cluster's processes are listed every {LISTED:.0f} s, and some live shorter (runc, CNI plugins, probes that "
    "run a program): cluster is a little too low, and waiting a little too high."
)

_FURTHER: Final = "wall time of each further service"

_COUNTS: Final = {1: 3, 10: 3, 100: 2, 1000: 1}
"""How often each number of services is previewed."""


def measure(run: Run) -> Iterator[Results]:
    """The two results, on one cluster."""
    with tempfile.TemporaryDirectory(prefix="tts-bench-") as scratch, run.cluster() as cluster:
        watched = Watched(cluster, Path(scratch), imports.seconds())
        if run.wants("program"):
            yield _program(run, watched)
        else:
            Deployed(cluster).up()
        if run.wants("program-services"):
            yield from _services(run, watched)


def _versions(watched: Watched) -> dict[str, str]:
    """With the platform's, which has to be on the cluster."""
    named = {name: version(package) for name, package in _PACKAGES.items()}
    return {**named, **machine.versions(Running(watched.cluster))}


def _program(run: Run, watched: Watched) -> Results:
    results = Results(
        name="program",
        title="The local stack by Pulumi, and by kubectl",
        drawn=[
            Drawn(figure="wall time", shape=Shape.BARS),
            Drawn(figure="share of the wall time", shape=Shape.BARS),
            Drawn(figure="import, CPU", shape=Shape.BARS),
            Drawn(figure="memory, largest together", shape=Shape.BARS),
        ],
    )
    _imports(run, results)
    stack = Deployed(watched.cluster)
    if stack.workspace.exists:
        _destroy(stack)
    # In turns: what disturbs for some minutes disturbs both.
    turns = run.times(3)
    for turn in range(turns):
        _take(run, results, "pulumi", _FIRST, lambda: watched.stack(*_UP))
        # Not before: Envoy says its own.
        results.versions = results.versions or _versions(watched)
        for _ in range(run.times(2)):
            _take(run, results, "pulumi", _NOTHING, lambda: watched.stack(*_UP, "--expect-no-changes"))
            _take(run, results, "pulumi", _PREVIEW, lambda: watched.stack("preview", "--expect-no-changes"))
        _destroy(stack)
        _take(run, results, "pulumi", _ONCE, lambda: watched.stack(*_UP, **_AT_THE_END))
        idle = watched.idle()
        exported = stack.workspace.run("stack", "export", "--show-secrets", capture=True).stdout
        found = floor.objects(json.loads(exported))
        _destroy(stack)
        scripts = {
            _FIRST: floor.applying(found, NAMESPACE, watched.directory),
            _NOTHING: floor.again(found, watched.directory),
            _PREVIEW: floor.difference(found, watched.directory),
        }
        for case in (_FIRST, *(_NOTHING, _PREVIEW) * run.times(2)):
            _take(run, results, "kubectl", case, partial(watched.script, scripts[case]))
        if turn + 1 < turns:
            watched.script(floor.deleting(found, NAMESPACE, watched.directory))
    results.notes += [
        f"{len(found)} objects of Kubernetes. Images are on the nodes, the upstreams' files in the cache.",
        f"kubectl: apply --server-side in four steps with waits ({_FIRST}), of all at once ({_NOTHING}), and "
        f"kubectl diff --server-side ({_PREVIEW}).",
        f"Shares: each {1000 * EVERY:.0f} ms belong to those who computed in them, in proportion, and to "
        "waiting where nobody did. cluster is everything that runs in it; while nobody asks anything of "
        f"it, it uses {idle:.2f} processors. import is the program's first seconds of CPU, as many as its "
        "import statements take alone.",
        _SHORT,
        "Memory is the sum of what is resident, so that pages that processes share count several times.",
    ]
    return results


def _destroy(stack: Deployed) -> None:
    stack.pulumi("destroy", "--yes", "--skip-preview").check_returncode()


def _imports(run: Run, results: Results) -> None:
    """Takes the figures of the imports alone."""
    texts = {**imports.NESTED, imports.EVERYTHING: imports.statements()}
    # The first run may find nothing compiled, and nothing in the page cache.
    imports.imported(texts[imports.EVERYTHING])
    for _ in range(run.times(5)):
        for case, text in texts.items():
            taken = imports.imported(text)
            results.add("pulumi", case, "import", "s", taken.seconds)
            results.add("pulumi", case, "import, CPU", "s", taken.cpu)


def _take(run: Run, results: Results, side: str, case: str, what: Callable[[], Measured]) -> None:
    taken = what()
    run.say(f"{side}, {case}: {taken.seconds:.1f} s")
    results.add(side, case, "wall time", "s", taken.seconds)
    for part, seconds in taken.shares.wall.items():
        results.add(f"{side}, {case}", part, "share of the wall time", "%", 100 * seconds / taken.seconds)
        results.add(f"{side}, {case}", part, "wall time by share", "s", seconds)
    for part, seconds in taken.shares.cpu.items():
        results.add(f"{side}, {case}", part, "CPU", "s", seconds)
    results.add(side, case, "memory, largest together", "MiB", taken.together / _MIB)
    for role, size in taken.memory.items():
        results.add(f"{side}, {case}", role, "memory, largest of each", "MiB", size / _MIB)


def _services(run: Run, watched: Watched) -> Iterator[Results]:
    """Anew after each number of services: the largest takes minutes, and may be interrupted."""
    results = Results(
        name="program-services",
        title="pulumi preview of many speech services in one program",
        versions=_versions(watched),
        drawn=[
            Drawn(figure="wall time", shape=Shape.LINES, x="services", logarithmic=True),
            Drawn(figure=_FURTHER, shape=Shape.LINES, x="services"),
            Drawn(figure="CPU", shape=Shape.LINES, x="services", logarithmic=True),
            Drawn(figure="memory", shape=Shape.LINES, x="services", logarithmic=True),
        ],
    )
    watched.begin_services()
    counts = {1: 1, 3: 1} if run.quick else _COUNTS
    taken: dict[int, list[Measured]] = {}
    for count, times in counts.items():
        for _ in range(times):
            done = watched.services(count)
            taken.setdefault(count, []).append(done)
            run.say(f"{count} services, {_resources(done)} resources: {done.seconds:.1f} s")
            _add_services(results, count, done)
            _add_further(results, count, done, taken[1])
        if len(taken) > 1:
            results.notes = [f"{_resources(taken[1][0])} resources with one service.", *_line(taken), _SHORT]
            results.complete = len(taken) == len(counts)
            yield results


def _add_services(results: Results, count: int, taken: Measured) -> None:
    case = f"{count:,}"
    results.add("wall time", case, "wall time", "s", taken.seconds, count)
    results.add("together", case, "memory", "MiB", taken.together / _MIB, count)
    for role in ("engine", "program", "provider"):
        results.add(role, case, "memory", "MiB", taken.memory.get(role, 0) / _MIB, count)
    for part, seconds in taken.shares.wall.items():
        results.add(part, case, "wall time by share", "s", seconds, count)
    for part, seconds in taken.shares.cpu.items():
        results.add(part, case, "CPU", "s", seconds, count)


def _add_further(results: Results, count: int, taken: Measured, one: list[Measured]) -> None:
    """By whom the seconds of a service beyond the first are spent."""
    for part, seconds in taken.shares.wall.items() if count > 1 else ():
        first = median(first.shares.wall.get(part, 0.0) for first in one)
        results.add(part, f"{count:,}", _FURTHER, "s", (seconds - first) / (count - 1), count)


def _resources(taken: Measured) -> int:
    """How many the engine says that it would create."""
    found = re.search(r"\+ (\d+) to create", taken.output)
    if found is None:
        raise ValueError(f"a preview without a resource measures nothing:\n{taken.output[-2000:]}")
    return int(found[1])


def _line(taken: dict[int, list[Measured]]) -> list[str]:
    """What a straight line through the medians says, and how far off it they are."""
    points = {count: median(one.seconds for one in runs) for count, runs in taken.items()}
    slope, start = linear_regression(list(points), list(points.values()))
    off = ", ".join(
        f"{count:,}: {seconds - start - slope * count:+.1f} s" for count, seconds in points.items()
    )
    return [f"A line through the medians: {start:.1f} s and {slope:.3f} s a service; off it by {off}."]
