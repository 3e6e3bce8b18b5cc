"""A step up: more nodes and services, with what it takes until all of them run and are served."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from local.cluster.layout import NODES
from tests.bench.prometheus import Metrics, quantile
from tests.bench.results import Results
from tests.bench.run import Run
from tests.bench.scale import fake_nodes
from tests.bench.scale.control_plane import DEFAULT, RAISED, Limits, api_metrics, scheduler_metrics
from tests.bench.scale.fleet import REPLICAS
from tests.bench.scale.place import Place
from tests.cluster.running import eventually

POD_SECONDS: Final = 300
"""At the most, for one step."""


@dataclass(frozen=True)
class Step:
    """A size that is grown to."""

    nodes: int
    services: int
    limits: Limits

    @property
    def pods(self) -> int:
        """Of speech."""
        return self.services * REPLICAS

    @property
    def case(self) -> str:
        """What its figures are called."""
        return f"{self.pods:,} pods"


STEPS: Final = (Step(100, 100, DEFAULT), Step(300, 300, RAISED), Step(1000, 1000, RAISED))
QUICK: Final = (Step(10, 10, DEFAULT), Step(20, 20, RAISED))


def steps(*, quick: bool) -> tuple[Step, ...]:
    """From the smallest on."""
    return QUICK if quick else STEPS


def grow(run: Run, place: Place, results: Results, step: Step) -> None:
    """Up to a step, with what it takes until all of it runs."""
    case, x = step.case, step.pods
    api, scheduler = api_metrics(place.running), scheduler_metrics(place.cluster)
    there = place.fleet.size

    def took(what: str, seconds: float) -> None:
        run.say(f"  {what} after {seconds:.1f} s")
        results.add(what, case, "until all of a step", "s", seconds, x)

    started = time.monotonic()
    # As many nodes as services: a node's number is a service's.
    fake_nodes.create(place.running, range(there, step.nodes))
    took("nodes are ready", time.monotonic() - started)
    while not _daemons_run(place, step.nodes + len(NODES)):
        assert time.monotonic() - started < 300, "not every node has its DaemonSets' pods"
        time.sleep(5)
        fake_nodes.nudge(place.running)

    started = time.monotonic()
    place.fleet.grow(step.services)
    made = time.monotonic() - started
    took("objects are made", made)
    seen, reached = place.fleet.follow(started, POD_SECONDS)
    for state, what in (
        ("made", "pods are made"),
        ("scheduled", "pods are scheduled"),
        ("running", "pods run"),
    ):
        if state in reached:
            took(what, reached[state])
    if "running" not in reached:
        results.notes.append(f"{case}: after {POD_SECONDS} s there were {seen}.")
        run.say(f"  {results.notes[-1]}")
    new = seen.running - there * REPLICAS
    assert new > 0, f"no pod has started in {POD_SECONDS} s"
    until = reached.get("running", POD_SECONDS)
    results.add(step.limits.name, case, "pods a second", "1/s", new / until, x)
    results.notes.append(
        f"{case}: pods a second are over {until:.0f} s, and in the first {min(made, until):.0f} s of them this "
        "benchmark itself was still creating the objects."
    )
    some = [f"s-{number:04}" for number in range(there, step.services, max(1, step.services // 20))]
    try:
        eventually(lambda: not place.edge.unserved(some), 120, "Envoy serves the new services")
        took("Envoy serves them", time.monotonic() - started)
    except AssertionError as late:
        results.notes.append(f"{case}: {late}")
    _latencies(place, results, step, api, scheduler)


def _daemons_run(place: Place, nodes: int) -> bool:
    """Whether those that run on every node do so on as many."""
    found = place.running.apps.list_daemon_set_for_all_namespaces(_request_timeout=60).items
    everywhere = [item for item in found if not item.spec.template.spec.node_selector]
    assert everywhere, "no DaemonSet is for every node: nothing says when a node is whole"
    return all((item.status.number_ready or 0) >= nodes for item in everywhere)


def _latencies(place: Place, results: Results, step: Step, api: Metrics, scheduler: Metrics) -> None:
    """Of the requests and of the pods of one step."""
    case, x = step.case, step.pods
    now = api_metrics(place.running)
    for side, verbs in (("reads", ("GET", "LIST")), ("writes", ("POST", "PUT", "PATCH"))):
        name = "apiserver_request_duration_seconds"
        before, after = (_added(look, name, verbs) for look in (api, now))
        for share in (0.5, 0.99):
            value = quantile(share, before, after)
            if value is not None:
                results.add(side, case, f"API server's answer, p{share * 100:.0f}", "ms", value * 1000, x)
    later = scheduler_metrics(place.cluster)
    for figure, metric, labels in (
        (
            "scheduler, one attempt",
            "scheduler_scheduling_attempt_duration_seconds",
            {"result": "scheduled"},
        ),
        ("scheduler, a pod from queue to node", "scheduler_pod_scheduling_sli_duration_seconds", {}),
    ):
        for share in (0.5, 0.99):
            value = quantile(share, scheduler.buckets(metric, **labels), later.buckets(metric, **labels))
            if value is not None:
                results.add(f"p{share * 100:.0f}", case, figure, "ms", value * 1000, x)


def _added(look: Metrics, name: str, verbs: tuple[str, ...]) -> dict[float, float]:
    total: dict[float, float] = {}
    for verb in verbs:
        for bound, count in look.buckets(name, verb=verb).items():
            total[bound] = total.get(bound, 0.0) + count
    return total
