"""How much of what a proxy costs is configuration."""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any, Final

from tests.bench.edge.closed import closed
from tests.bench.edge.stage import Stage, Target
from tests.bench.results import Drawn, Results, Shape
from tests.bench.run import Run

_CONNECTIONS: Final = 50


def configurations(run: Run, stage: Stage) -> Results:
    """The same load with one thing after the other left out."""
    results = Results(
        name="edge-configuration",
        title="What configuration costs, 50 connections, HTTP/1.1",
        notes=[
            "Each case of Envoy is Contour's file as the program writes it, with the one change that is named; "
            "the last has "
            "all of them.",
        ],
        drawn=[
            Drawn(figure="requests per second", shape=Shape.BARS),
            Drawn(figure="processor time of the proxy", shape=Shape.BARS),
        ],
    )
    envoy, nginx, *_ = stage.ways("small")
    before = stage.contour
    try:
        for case, change in _CHANGES.items():
            configuration = deepcopy(before)
            change(configuration)
            stage.restart_contour(configuration)
            _measure(run, stage, envoy, case, results)
    finally:
        stage.restart_contour(before)
    _measure(run, stage, nginx, "as it is", results)
    stage.nginx(replace(stage.configuration, access_log="off"))
    _measure(run, stage, nginx, "no access log", results)
    stage.nginx(stage.configuration)
    return results


def _measure(run: Run, stage: Stage, way: Target, case: str, results: Results) -> None:
    run.say(f"configuration: {way.side}, {case}")
    # A new configuration reaches Envoy within the second after Contour is ready.
    time.sleep(run.times(5, 2))
    seconds = run.times(5, 1)
    for _ in range(run.times(3)):
        used = -stage.processor_seconds(way.side)
        done = closed(way, _CONNECTIONS, seconds, http2=False)
        used += stage.processor_seconds(way.side)
        results.add(way.side, case, "requests per second", "1/s", done.rate)
        each = used / (done.requests * (seconds + 1) / seconds)
        results.add(way.side, case, "processor time of the proxy", "µs/request", each * 1e6)
        results.add(way.side, case, "p95", "ms", done.p95)


Change = Callable[[dict[str, Any]], None]


def _as_it_is(_: dict[str, Any]) -> None:
    pass


def _no_access_log(configuration: dict[str, Any]) -> None:
    configuration["accesslog-level"] = "disabled"


def _short_access_log(configuration: dict[str, Any]) -> None:
    configuration["json-fields"] = [
        "@timestamp",
        "method",
        "path",
        "response_code",
        "duration",
        "upstream_host",
    ]


def _no_compression(configuration: dict[str, Any]) -> None:
    configuration["compression"] = {"algorithm": "disabled"}


def _all(configuration: dict[str, Any]) -> None:
    for change in (_no_access_log, _no_compression):
        change(configuration)


_CHANGES: Final[dict[str, Change]] = {
    "as it is": _as_it_is,
    "no access log": _no_access_log,
    "six fields in the access log": _short_access_log,
    "no compression": _no_compression,
    "all of them": _all,
}
