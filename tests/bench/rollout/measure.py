"""The benchmarks of what goes wrong and of what is changed, on one cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import tests.cluster
from ops.workspace import pulumi
from tests.bench import machine
from tests.bench.results import Results
from tests.bench.rollout import changes, crashes, first_audio, routes
from tests.bench.run import Run
from tests.cluster.conftest import speaks
from tests.cluster.deployed import Deployed
from tests.cluster.door import Door
from tests.cluster.running import Running, eventually

PARTS: Final = (
    "rollout-first-audio",
    *(part.name for part in routes.PARTS),
    crashes.NAME,
    changes.NAME,
)
_IMAGES = Path(tests.cluster.__path__[0]) / "images.toml"


def measure(run: Run) -> Iterator[Results]:
    """First audio, then all that changes and breaks the stack, and routes by the thousand."""
    with run.platform(_IMAGES) as stack:
        door = Door(str(stack.cluster.node_address("edge")), 443, stack.authority)
        eventually(lambda: speaks(door), 120, "the front door answers")
        found = _versions(stack)
        if run.wants("rollout-first-audio"):
            yield _with(first_audio.measure(run, door, stack.cluster), found)
        for part in (crashes, changes):
            if run.wants(part.NAME):
                for results in part.measure(run, stack, door):
                    yield _with(results, found)
        # Last: Envoy and Contour keep the memory that a thousand routes have taken.
        for routed in routes.PARTS:
            if run.wants(routed.name):
                yield _with(routes.measure(run, door, Running(stack.cluster), routed), found)


def _with(results: Results, found: dict[str, str]) -> Results:
    results.versions = found
    return results


def _versions(stack: Deployed) -> dict[str, str]:
    """What took part."""
    running = Running(stack.cluster)
    return {**machine.versions(running), "Pulumi": machine.printed(pulumi(), "version")}
