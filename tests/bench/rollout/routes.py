"""From `kubectl apply` of a changed route to its being served, with few and with many HTTPProxies there."""

from __future__ import annotations

import json
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import httpx

from tests.bench import contour
from tests.bench.quantiles import quantile
from tests.bench.results import Drawn, Results, Shape
from tests.bench.rollout.leader import hears_from, leader
from tests.bench.rollout.proxies import PATH, Proxies, fqdn, namespace
from tests.bench.rollout.watched import Watch
from tests.bench.run import Run
from tests.bench.usage import Usage
from tests.cluster.conftest import speaks
from tests.cluster.door import Door
from tests.cluster.running import EDGE_NAMESPACE, Running, eventually, is_ready, restarts

EVERY: Final = 0.005
"""Seconds between two looks at what is served."""

QUIET: Final = 0.8
"""Seconds without a change, after which Contour takes the next one at once: its longest hold-off is 0.5."""

PATIENCE: Final = 400
"""Seconds. With five requests a second, a thousand statuses take 200, and Contour may take no change before most of
them are written."""

COMMAND, KNOWN, HASTILY = (
    "from the command's start",
    "from the API server's word",
    "the same, right after another",
)
PROGRAMS: Final = {"Contour": "contour", "Envoy": "envoy"}
"""What the figures call those that the cluster knows by these names."""

SERVED, RISE, FIRST = "a change is served", "all are served", "the first change after so many new ones"


@dataclass(frozen=True, kw_only=True)
class Part:
    """One result."""

    name: str
    title: str
    sizes: tuple[int, ...]
    quick_sizes: tuple[int, ...]
    changes: int
    hasty: int
    """Changes that come right after another."""

    changed: Mapping[str, int] = field(default_factory=dict[str, int])
    """What Contour's file has in place of what the program writes."""

    notes: tuple[str, ...] = ()
    """On what is not as in the first part."""


_AS_INSTALLED: Final = Part(
    name="rollout-routes",
    title="A route change, to served",
    sizes=(10, 100, 1000),
    quick_sizes=(10, 100),
    changes=25,
    hasty=5,
)
PARTS: Final = (
    _AS_INSTALLED,
    Part(
        name="rollout-routes-at-five-a-second",
        title="A route change, to served, with five requests a second for Contour",
        sizes=(1000,),
        quick_sizes=(100,),
        changes=10,
        hasty=3,
        # What Contour comes with.
        changed={"kubernetesClientQPS": 5, "kubernetesClientBurst": 10},
        notes=(
            f"As {_AS_INSTALLED.name}, Contour's limit of memory included, but for one thing: Contour may send the API "
            "server the five requests a second, and ten at once, that it comes with.",
            "All of the HTTPProxies are made at once; there a hundred are made, and changed, before the other 900.",
        ),
    ),
)


def measure(run: Run, door: Door, running: Running, part: Part) -> Results:
    """The figures of each size; a size's proxies are added to the last one's."""
    results = Results(
        name=part.name,
        title=part.title,
        alternatives=False,
        drawn=[
            Drawn(figure=SERVED, shape=Shape.LINES, x="HTTPProxies", logarithmic=True),
            Drawn(figure=contour.WORK, shape=Shape.LINES, x="HTTPProxies", logarithmic=True),
            Drawn(figure="memory", shape=Shape.LINES, x="HTTPProxies"),
            Drawn(figure=FIRST, shape=Shape.LINES, x="HTTPProxies", logarithmic=True),
            Drawn(figure=RISE, shape=Shape.LINES, x="HTTPProxies", logarithmic=True),
        ],
        notes=[
            "Every HTTPProxy has a host name of its own, TLS with one shared certificate, a route to one shared "
            "Service and one that answers by itself. What that one says is changed by `kubectl apply` and asked for "
            f"through Envoy every {EVERY * 1000:.0f} ms on one open connection.",
            f"{COMMAND}: kubectl's own start and its three calls are in it. {KNOWN}: from the moment in which a "
            "watch reports the new object, as Contour's own watch does; less than nothing where Contour's heard of it "
            "before ours.",
            f"Contour waits for 100 ms after a change that follows another within 500 ms (and after each further "
            f"one), and not at all otherwise; the changes are {QUIET} s apart. {HASTILY}: the one before was served "
            "just then.",
            "Two Contours, both of which build all of it; memory is of the larger one. They and Envoy begin as new "
            "pods.",
            "The processor for one change: what was used from one change to the next, less what is used in as long a "
            "time in which the route is asked for as often, but not changed.",
            *part.notes,
        ],
    )
    before = contour.configuration(running)
    try:
        with namespace(run, running) as proxies:
            contour.configure(running, {**before, **part.changed})
            contour.restart(running, "daemonset/envoy")
            eventually(partial(speaks, door), 120, "the front door answers")
            if not _led_by_the_leader(running):
                results.notes.append(
                    "Envoy was told by the Contour that is not the leader, which writes no statuses."
                )
            there = 0
            for size in part.quick_sizes if run.quick else part.sizes:
                run.say(f"{size} HTTPProxies")
                _grow(run, results, door, proxies, range(there, size))
                there = size
                _change(run, results, door, proxies, size, part)
                _weigh(results, running, size)
    finally:
        if part.changed and run.keep_cluster:
            contour.configure(running, before)
    for series in results.of(SERVED):
        for name, value in (("p95", quantile(series.values, 0.95)), ("max", max(series.values))):
            results.add(series.side, series.case, f"{SERVED}, {name}", "ms", value, series.x)
    return results


def _led_by_the_leader(running: Running) -> bool:
    """Whether Envoy is told by the Contour that writes the statuses too, which is the busier one.

    Envoy chooses by chance; a leader that it has not chosen is replaced, a few times.
    """
    eventually(partial(_settled, running), 180, "two Contours and an Envoy are there")
    for _ in range(4):
        pod = leader(running)
        if pod in hears_from(running):
            return True
        running.core.delete_namespaced_pod(pod, EDGE_NAMESPACE)
        eventually(partial(_settled, running, gone=pod), 180, "another Contour leads")
    return False


def _settled(running: Running, gone: str = "") -> bool:
    """Whether two Contours and one Envoy are all that is there, all ready, with one that leads and one that tells."""
    contours, envoys = (
        {pod.metadata.name: is_ready(pod) for pod in running.all_pods(EDGE_NAMESPACE, f"app={program}")}
        for program in ("contour", "envoy")
    )
    there = len(contours) == 2 and len(envoys) == 1 and all([*contours.values(), *envoys.values()])
    return there and gone not in contours and leader(running) in contours and bool(hears_from(running))


def _grow(run: Run, results: Results, door: Door, proxies: Proxies, numbers: range) -> None:
    """Adds proxies, and waits until each of them is served and called valid."""
    size = numbers.stop
    case = f"{size} HTTPProxies"
    started = time.monotonic()
    proxies.create(numbers, "new")
    results.add("created", case, RISE, "s", time.monotonic() - started, size)
    missing = set(numbers)

    def served() -> bool:
        # From the end: the last one that was made is mostly the last one to be served.
        for number in sorted(missing, reverse=True):
            if _said(door, proxies.ca, number) != "new":
                return False
            missing.discard(number)
        return True

    eventually(served, PATIENCE, f"{size} HTTPProxies are served")
    results.add("served", case, RISE, "s", time.monotonic() - started, size)
    with _session(door, proxies.ca, size - 1) as session, Watch(proxies.running, size - 1) as known:
        _, heard, answered = _once(proxies, session, known, size - 1, "first")
    run.say(f"  the first change after it: {answered - heard:.2f} s")
    results.add("from the API server's word", case, FIRST, "s", answered - heard, size)
    eventually(lambda: proxies.valid() == size, PATIENCE, f"Contour calls {size} HTTPProxies valid")
    results.add("called valid", case, RISE, "s", time.monotonic() - started, size)
    time.sleep(QUIET)


def _said(door: Door, ca: str, number: int) -> str:
    with _session(door, ca, number) as session:
        return _ask(session, number)


@contextmanager
def _session(door: Door, ca: str, number: int) -> Iterator[httpx.Client]:
    trust = ssl.create_default_context(cadata=ca)
    with httpx.Client(
        base_url=f"https://{door.address}:{door.port}",
        headers={"Host": fqdn(number)},
        verify=trust,
        timeout=5,
        trust_env=False,
    ) as session:
        yield session


def _ask(session: httpx.Client, number: int) -> str:
    """What the route says; nothing while Envoy is away, or knows no such host name."""
    try:
        return session.get(PATH, extensions={"sni_hostname": fqdn(number)}).text
    except httpx.HTTPError:
        return ""


def _change(run: Run, results: Results, door: Door, proxies: Proxies, size: int, part: Part) -> None:
    """Changes the route in the middle, over and over."""
    number, case = size // 2, f"{size} HTTPProxies"
    running = proxies.running
    usage = Usage(running.cluster)
    changes = run.times(part.changes, 3)
    with _session(door, proxies.ca, number) as session, Watch(running, number) as known:
        unchanged = _unchanged(usage, session, number, run.times(10, 1))
        before, used, started = contour.look(running), usage.seconds(), time.monotonic()
        for turn in range(changes):
            _ask_for(session, number, QUIET)
            begun, heard, served = _once(proxies, session, known, number, f"{size} {turn}")
            results.add(COMMAND, case, SERVED, "ms", (served - begun) * 1000, size)
            results.add(KNOWN, case, SERVED, "ms", (served - heard) * 1000, size)
        spent, seconds, after = usage.seconds(), time.monotonic() - started, contour.look(running)
        for turn in range(run.times(part.hasty, 2)):
            time.sleep(QUIET)
            _once(proxies, session, known, number, f"{size} first {turn}")
            _, heard, served = _once(proxies, session, known, number, f"{size} second {turn}")
            results.add(HASTILY, case, SERVED, "ms", (served - heard) * 1000, size)
    contour.add_work(results, before, after, case, size)
    for program, role in PROGRAMS.items():
        # Less than before: it was started anew.
        if role in used and spent.get(role, 0.0) > used[role]:
            per_change = (spent[role] - used[role] - unchanged[role] * seconds) / changes
            results.add(program, case, "processor for one change", "ms", per_change * 1000, size)
    results.add("changes", case, "changes a second meanwhile", "1/s", changes / seconds, size)


def _unchanged(usage: Usage, session: httpx.Client, number: int, seconds: float) -> dict[str, float]:
    """Cores that each program uses while the route is asked for, and nothing is changed."""
    before, started = usage.seconds(), time.monotonic()
    _ask_for(session, number, seconds)
    after, took = usage.seconds(), time.monotonic() - started
    # One that was started anew meanwhile has no such figure.
    return {role: max(0.0, after.get(role, 0.0) - before.get(role, 0.0)) / took for role in PROGRAMS.values()}


def _ask_for(session: httpx.Client, number: int, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        _ask(session, number)
        time.sleep(EVERY)


def _once(
    proxies: Proxies, session: httpx.Client, known: Watch, number: int, said: str
) -> tuple[float, float, float]:
    """The moments of the command's start, of the API server's word, and of the first new answer."""
    command = ["kubectl", f"--kubeconfig={proxies.running.cluster.kubeconfig}", "apply", "-f", "-"]
    begun = time.monotonic()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps(proxies.proxy(number, said)).encode())
        process.stdin.close()
        while _ask(session, number) != said:
            if time.monotonic() - begun > PATIENCE:
                raise RuntimeError(f"{said!r} was not served within {PATIENCE} s")
            if process.poll() not in (None, 0):
                raise RuntimeError(
                    f"kubectl apply failed: {process.stderr.read() if process.stderr else ''!r}"
                )
            time.sleep(EVERY)
        served = time.monotonic()
    return begun, known.heard(said), served


def _weigh(results: Results, running: Running, size: int) -> None:
    usage = Usage(running.cluster)
    now, peak = usage.memory(), usage.peak()
    for program, role in PROGRAMS.items():
        count = sum(restarts(running.pods(EDGE_NAMESPACE, f"app={role}")).values())
        results.add(program, f"{size} HTTPProxies", "restarts so far", "restarts", count, size)
        if role in now:
            results.add(program, f"{size} HTTPProxies", "memory", "MiB", now[role], size)
            results.add(program, f"{size} HTTPProxies", "memory, at most until then", "MiB", peak[role], size)
