"""Nodes, pods and routes in steps up to 1,000, 5,000 and 1,000; then an Application of Argo CD for each service."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from tests.bench import contour
from tests.bench.results import Drawn, Results, Shape
from tests.bench.run import Run
from tests.bench.scale import applications, growth
from tests.bench.scale.control_plane import Limits, etcd_bytes, start_with
from tests.bench.scale.growth import Step
from tests.bench.scale.place import Place, prepared
from tests.bench.usage import GROUPS
from tests.cluster.running import EDGE_NAMESPACE, restarts

QUIET: Final = 20
"""Seconds without a change before a new HTTPProxy: Contour is done with the last one."""

NAME: Final = "scale"
PARTS: Final = (NAME, applications.NAME)


def measure(run: Run) -> Iterator[Results]:
    """The edge and the control plane first, without Argo CD's controller; then Argo CD."""
    with prepared(run) as place:
        place.argo.controllers(0)
        if run.wants(NAME):
            yield from _scale(run, place)
        else:
            _fill(run, place)
        if run.wants(applications.NAME):
            yield from applications.measure(run, place)


def _fill(run: Run, place: Place) -> None:
    """The same services in the same steps, for Argo CD to look at; what they take is not kept."""
    results = Results(name=NAME, title="Not measured")
    place.fleet.prepare()
    for step in _steps(run, place):
        growth.grow(run, place, results, step)


def _steps(run: Run, place: Place) -> Iterator[Step]:
    """Each with its request limits."""
    limits: Limits | None = None
    for step in growth.steps(quick=run.quick):
        if step.limits != limits:
            start_with(place.cluster, step.limits)
            limits = step.limits
        run.say(f"{step.nodes} nodes, {step.services} services, {step.limits.name}")
        yield step


def _scale(run: Run, place: Place) -> Iterator[Results]:
    results = Results(
        name=NAME,
        title="Simulated nodes and services on one cluster",
        versions=place.versions,
        alternatives=False,
        complete=False,
        notes=[
            "A service is a Deployment of 5 pods, a Service, a Secret with a certificate and an HTTPProxy; as many "
            "nodes as services, of 8 GPUs each; kwok runs the nodes, and one process answers for all pods.",
            "The first step has the request limits that kube-controller-manager and kube-scheduler come with (20 and "
            "50 a second), the others 400 and 400.",
            "Memory is what is resident, of the largest process of its kind; processor is of all of a kind together. "
            "At rest is 20 s in which nobody does anything but the nodes' leases and Envoy's health checks.",
        ],
        drawn=[
            *(
                Drawn(figure=f"{figure}, {group}", shape=Shape.LINES, x="speech pods")
                for group in GROUPS
                for figure in ("memory", "processor at rest")
            ),
            Drawn(figure="until all of a step", shape=Shape.LINES, x="speech pods"),
            Drawn(figure="pods a second", shape=Shape.BARS),
            Drawn(figure="until Envoy serves a change", shape=Shape.LINES, x="speech pods"),
            Drawn(figure=contour.WORK, shape=Shape.LINES, x="speech pods"),
        ],
    )
    _at_rest(run, place, results, 0)
    place.fleet.prepare()
    known: set[str] = set()
    for step in _steps(run, place):
        growth.grow(run, place, results, step)
        _at_rest(run, place, results, step.pods)
        _follow(run, place, results, step)
        _ends(run, place, results, step.case, known)
        lost = restarts(place.running.pods(EDGE_NAMESPACE, "app in (contour, envoy)"))
        results.add("Contour and Envoy", step.case, "restarts", "containers", sum(lost.values()))
        results.complete = step == growth.steps(quick=run.quick)[-1]
        yield results


def _at_rest(run: Run, place: Place, results: Results, pods: int) -> None:
    case = f"{pods:,} pods"
    time.sleep(run.times(10))
    processor, memory = place.usage.processor(run.times(20, 5)), place.usage.memory()
    for group, roles in GROUPS.items():
        for role in roles:
            if role in memory:
                results.add(
                    role, case, f"processor at rest, {group}", "cores", processor.get(role, 0.0), pods
                )
                results.add(role, case, f"memory, {group}", "MiB", memory[role], pods)
    results.add("etcd", case, "database", "MiB", etcd_bytes(place.cluster) / 2**20, pods)


def _follow(run: Run, place: Place, results: Results, step: Step) -> None:
    """What the edge takes to follow one change, at this size."""
    case, x = step.case, step.pods
    before = contour.look(place.running)
    try:
        for turn in range(run.times(5, 2)):
            # The one before was taken away just then, and Contour is still at that.
            time.sleep(run.times(QUIET, 2))
            taken = place.edge.new_proxy(f"probe-{step.services}-{turn}")
            results.add("a new HTTPProxy", case, "until Envoy serves a change", "ms", taken, x)
        for taken in place.edge.new_endpoint(f"ends-{step.services}", run.times(5, 2)):
            results.add("a pod's new address", case, "until Envoy serves a change", "ms", taken, x)
    except AssertionError as late:
        results.notes.append(f"{case}: {late}")
    contour.add_work(results, before, contour.look(place.running), case, x)


def _ends(run: Run, place: Place, results: Results, case: str, known: set[str]) -> None:
    """Tells of each container of the edge that has ended since the last look."""
    for container, (what, words) in place.edge.ended().items():
        if container not in known:
            known.add(container)
            run.say(f"  {what}; its last words: {words}")
            results.notes.append(f"{case}: a container has ended meanwhile. {what}.")
