"""What Argo CD takes for an Application for each service."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tests.bench.results import Drawn, Results, Shape
from tests.bench.run import Run
from tests.bench.scale.fleet import REPLICAS
from tests.bench.scale.place import Place
from tests.bench.usage import ARGO_CD_ROLES

NAME: Final = "scale-argo-cd"
SECONDS: Final = 240
"""At the most, for one step."""


def measure(run: Run, place: Place) -> Iterator[Results]:
    """Anew after each number of Applications."""
    results = Results(
        name=NAME,
        title="Argo CD with an Application for each service",
        versions=place.versions,
        alternatives=False,
        complete=False,
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
    sizes = (min(10, place.fleet.size), place.fleet.size) if run.quick else (100, 300, place.fleet.size)
    for size in sizes:
        case, new = f"{size:,} Applications", size - place.argo.size
        run.say(case)
        before = place.argo.restarts()
        done = place.argo.grow(size, SECONDS)
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
        results.complete = size == sizes[-1]
        yield results
