"""Envoy under Contour, nginx, and no proxy at all, in front of the same pods."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from tests.bench import machine
from tests.bench.edge import configuration, draining, pods, small, sockets, streams
from tests.bench.edge.stage import BENCH, Stage
from tests.bench.results import Results
from tests.bench.run import Run

_PARTS: Final[dict[str, Callable[[Run, Stage], Results]]] = {
    "edge-small-closed": small.at_full_speed,
    "edge-small-open": small.at_a_rate,
    "edge-streams": streams.first_chunk,
    "edge-sockets": sockets.held,
    "edge-draining": draining.drained,
    "edge-killed-pod": pods.killed,
    "edge-balance": pods.balanced,
    "edge-configuration": configuration.configurations,
}


PARTS: Final = tuple(_PARTS)


def measure(run: Run) -> Iterator[Results]:
    """Each part as it is done."""
    with run.platform(Path(__file__).with_name("images.toml")) as deployed:
        stage = Stage(deployed)
        run.say("Backends and nginx beside the platform")
        stage.set_up()
        found = _versions(stage)
        for name, part in _PARTS.items():
            if run.wants(name):
                results = part(run, stage)
                results.versions = found
                yield results


def _versions(stage: Stage) -> dict[str, str]:
    nginx = stage.kubectl("exec", "--namespace", BENCH, "nginx", "--", "sh", "-c", "nginx -v 2>&1")
    return {
        **machine.versions(stage.running),
        "nginx": machine.version_in(nginx),
        "h2load": machine.version_in(machine.printed("h2load", "--version")),
        "k6": machine.version_in(machine.printed("k6", "version")),
    }
