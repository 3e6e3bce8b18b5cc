"""Nodes, pods and routes in steps up to 1,000, 5,000 and 1,000; then an Application of Argo CD for each service."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local.cluster.layout import NODES, Cluster
from local.git_server import GitServer
from local.paths import CHECKOUT
from stacks.versions import ARGO_CD, CONTOUR
from tests.bench import contour
from tests.bench.machine import kubernetes_version
from tests.bench.prometheus import Metrics, quantile
from tests.bench.results import Drawn, Results, Shape
from tests.bench.run import Run
from tests.bench.scale import fake_nodes
from tests.bench.scale.answers import answering
from tests.bench.scale.argo import ArgoCd
from tests.bench.scale.control_plane import (
    DEFAULT,
    RAISED,
    Limits,
    api_metrics,
    etcd_bytes,
    scheduler_metrics,
    start_with,
)
from tests.bench.scale.edge import Edge
from tests.bench.scale.fleet import REPLICAS, Fleet, Templates
from tests.bench.usage import ARGO_CD_ROLES, GROUPS, Usage
from tests.cluster.deployed import IMPATIENT
from tests.cluster.running import EDGE_NAMESPACE, Running, eventually, restarts
from tests.gitops.delivered import STACK, TOKEN, Delivered

SETTINGS: Final = {
    "gitPollSeconds": "180",
    "customEngine": {**IMPATIENT["customEngine"], "startupSeconds": 180},
}
"""Argo CD looks into git as often as it does by itself; a pod may take its time on a busy machine."""

POD_SECONDS: Final = 300
APPLICATION_SECONDS: Final = 240
"""At the most, for one step."""

QUIET: Final = 20
"""Seconds without a change before a new HTTPProxy: Contour is done with the last one."""

PARTS: Final = ("scale", "scale-argo-cd")


@dataclass(frozen=True)
class Step:
    """A size that is grown to."""

    nodes: int
    services: int
    limits: Limits


STEPS: Final = (Step(100, 100, DEFAULT), Step(300, 300, RAISED), Step(1000, 1000, RAISED))
QUICK: Final = (Step(10, 10, DEFAULT), Step(20, 20, RAISED))


@dataclass(frozen=True)
class Place:
    """What everything is measured on."""

    cluster: Cluster
    running: Running
    fleet: Fleet
    edge: Edge
    usage: Usage
    argo: ArgoCd


def measure(run: Run) -> Iterator[Results]:
    """The edge and the control plane first, without Argo CD's controller; then Argo CD."""
    with _place(run) as place:
        place.argo.controllers(0)
        yield from _scale(run, place)
        if run.wants("scale-argo-cd"):
            yield from _argo(run, place)


@contextmanager
def _place(run: Run) -> Iterator[Place]:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cluster = stack.enter_context(run.cluster(CHECKOUT / "local/images/argo-cd.toml"))
        clone = directory / "clone"
        clone.mkdir()
        server = stack.enter_context(GitServer.within(cluster, directory / "git", token=TOKEN))
        running = Running(cluster)
        delivered = Delivered(running, server, clone, SETTINGS)
        run.say("pulumi up of the local stack, delivered by Argo CD")
        delivered.git("init", "--quiet", "--initial-branch=main")
        delivered.prepare()
        # What is committed is rendered with the same.
        delivered.workspace.prepare(delivered.settings)
        commit = delivered.first_commit()
        delivered.up()
        delivered.until_healthy_at(commit, 300)
        fleet = Fleet(running, Templates.read(clone / "manifests" / STACK))
        usage = Usage(cluster)
        stack.enter_context(answering(cluster, fleet.templates.port))
        stack.enter_context(fake_nodes.simulating(cluster, cluster.logs / "kwok.log"))
        yield Place(cluster, running, fleet, Edge(fleet), usage, ArgoCd(delivered, fleet, usage))


def _scale(run: Run, place: Place) -> Iterator[Results]:
    results = Results(
        name="scale",
        title="Simulated nodes and services on one cluster",
        versions=_versions(place),
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
            Drawn(figure="Contour's work for one change", shape=Shape.LINES, x="speech pods"),
        ],
    )
    _at_rest(run, place, results, 0)
    place.fleet.prepare()
    limits: Limits | None = None
    known: set[str] = set()
    for step in QUICK if run.quick else STEPS:
        if step.limits != limits:
            start_with(place.cluster, step.limits)
            limits = step.limits
        run.say(f"{step.nodes} nodes, {step.services} services, {step.limits.name}")
        _grow(run, place, results, step)
        _at_rest(run, place, results, step.services * REPLICAS)
        _follow(run, place, results, step)
        _ends(run, place, results, _case(step), known)
        lost = restarts(place.running.pods(EDGE_NAMESPACE, "app in (contour, envoy)"))
        results.add("Contour and Envoy", _case(step), "restarts", "containers", sum(lost.values()))
        if run.wants("scale"):
            yield results


def _grow(run: Run, place: Place, results: Results, step: Step) -> None:
    """Up to a step, with what it takes until all of it runs."""
    case, x = _case(step), step.services * REPLICAS
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
    took("objects are made", time.monotonic() - started)
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
    results.add(step.limits.name, case, "pods a second", "1/s", new / reached.get("running", POD_SECONDS), x)
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
    assert everywhere, "there are DaemonSets for every node"
    return all((item.status.number_ready or 0) >= nodes for item in everywhere)


def _latencies(place: Place, results: Results, step: Step, api: Metrics, scheduler: Metrics) -> None:
    """Of the requests and of the pods of one step."""
    case, x = _case(step), step.services * REPLICAS
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
    case, x = _case(step), step.services * REPLICAS
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
    after = contour.look(place.running)
    for side, work in (("graph", contour.REBUILD), ("Envoy's configuration", contour.TRANSLATE)):
        mean = contour.mean(before, after, work)
        if mean is not None:
            results.add(side, case, "Contour's work for one change", "ms", mean * 1000, x)
        else:
            results.notes.append(
                f"{case}: no Contour ran for all of the changes, and so nobody counted {work}."
            )


def _ends(run: Run, place: Place, results: Results, case: str, known: set[str]) -> None:
    """Tells of each container of the edge that has ended since the last look."""
    for container, (what, words) in place.edge.ended().items():
        if container not in known:
            known.add(container)
            run.say(f"  {what}; its last words: {words}")
            results.notes.append(f"{case}: a container has ended meanwhile. {what}.")


def _argo(run: Run, place: Place) -> Iterator[Results]:
    results = Results(
        name="scale-argo-cd",
        title="Argo CD with an Application for each service",
        versions=_versions(place),
        notes=[
            f"On the cluster with {place.fleet.size * REPLICAS:,} speech pods; one repository, a directory of three "
            "manifests an Application. What the Applications name is there already, as it is after a restore.",
            "One change: a commit, and a refresh of its Application, until the cluster has what it says.",
        ],
        drawn=[
            Drawn(figure="Applications a second", shape=Shape.LINES, x="Applications"),
            Drawn(figure="memory at its peak", shape=Shape.LINES, x="Applications"),
            Drawn(figure="processor at rest", shape=Shape.LINES, x="Applications"),
            Drawn(figure="one change", shape=Shape.LINES, x="Applications"),
        ],
    )
    run.say("Argo CD looks at the whole cluster")
    place.argo.commit_services()
    place.argo.controllers(1)
    for size in (min(10, place.fleet.size), place.fleet.size) if run.quick else (100, 300, place.fleet.size):
        case, new = f"{size:,} Applications", size - place.argo.size
        run.say(case)
        before = place.argo.restarts()
        done = place.argo.grow(size, APPLICATION_SECONDS)
        run.say(f"  {done.good} are good after {done.seconds:.0f} s")
        assert done.good, "Argo CD has synced nothing"
        good = new - (size - done.good)
        results.add("Argo CD", case, "Applications a second", "1/s", good / done.seconds, size)
        results.add("Argo CD", case, "Synced and Healthy", "Applications", done.good, size)
        results.add("Argo CD", case, "until then, or given up", "s", done.seconds, size)
        for role, memory in done.peak.items():
            results.add(role, case, "memory at its peak", "MiB", memory, size)
        for role, cores in place.usage.processor(run.times(20, 5)).items():
            if role in ARGO_CD_ROLES or role == "kube-apiserver":
                results.add(role, case, "processor at rest", "cores", cores, size)
        try:
            for _ in range(run.times(3)):
                taken = place.argo.one_change()
                results.add("from commit to cluster", case, "one change", "s", taken, size)
        except AssertionError as late:
            results.notes.append(f"{case}: {late}")
        results.add("Argo CD", case, "restarts", "containers", place.argo.restarts() - before, size)
        yield results


def _case(step: Step) -> str:
    return f"{step.services * REPLICAS:,} pods"


def _versions(place: Place) -> dict[str, str]:
    return {
        "kubernetes": kubernetes_version(place.running),
        "kwok": fake_nodes.version(),
        "contour": CONTOUR.tag,
        "argo cd": ARGO_CD.tag,
    }
