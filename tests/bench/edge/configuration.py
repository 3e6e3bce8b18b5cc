"""How much of what a proxy costs is configuration."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any, Final

from tests.bench import contour
from tests.bench.edge.closed import with_processor_time
from tests.bench.edge.stage import PATIENCE, Stage, Target, turned
from tests.bench.results import Drawn, Results, Shape
from tests.bench.run import Run
from tests.cluster.running import eventually

_CONNECTIONS: Final = 50

_LOG, _LONG_LOG, _GZIP = "/dev/stdout", "upstream_service_time", "compressor"
"""What Envoy's listeners have in them that log, log all fields, and compress."""


def configurations(run: Run, stage: Stage) -> Results:
    """The same load with one thing after the other left out."""
    results = Results(
        name="edge-configuration",
        title="What configuration costs, 50 connections, HTTP/1.1",
        notes=[
            "Each case of Envoy is Contour's file as the program writes it, with the one change that is "
            "named; the last has all of them.",
        ],
        drawn=[
            Drawn(figure="requests per second", shape=Shape.BARS),
            Drawn(figure="processor time of the proxy", shape=Shape.BARS),
        ],
    )
    envoy, nginx, *_ = stage.ways("small")
    before = contour.configuration(stage.running)
    try:
        for number in range(run.times(4)):
            for case, (change, has_reached) in turned([*_CASES.items()], number):
                configuration = deepcopy(before)
                change(configuration)
                contour.configure(stage.running, configuration)
                eventually(
                    partial(_holds, stage, has_reached), PATIENCE, f"Envoy has the configuration: {case}"
                )
                _measure(run, stage, envoy, case, results)
            for case, log in (("as it is", stage.configuration.access_log), ("no access log", "off")):
                stage.nginx(replace(stage.configuration, access_log=log))
                _measure(run, stage, nginx, case, results)
    finally:
        if run.keep_cluster:
            contour.configure(stage.running, before)
            stage.nginx(stage.configuration)
    return results


def _measure(run: Run, stage: Stage, way: Target, case: str, results: Results) -> None:
    run.say(f"configuration: {way.side}, {case}")
    # What a new configuration costs once is not what is measured.
    time.sleep(run.times(3))
    seconds = run.times(5, 1)
    for _ in range(run.times(2)):
        done, each = with_processor_time(stage, way, _CONNECTIONS, seconds, http2=False)
        results.add(way.side, case, "requests per second", "1/s", done.rate)
        results.add(way.side, case, "processor time of the proxy", "µs/request", each)
        results.add(way.side, case, "p95", "ms", done.p95)


def _holds(stage: Stage, has_reached: Callable[[str], bool]) -> bool:
    return has_reached(json.dumps(stage.envoy_has("dynamic_listeners")))


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


_CASES: Final[dict[str, tuple[Callable[[dict[str, Any]], None], Callable[[str], bool]]]] = {
    "as it is": (_as_it_is, lambda held: _LOG in held and _LONG_LOG in held and _GZIP in held),
    "no access log": (_no_access_log, lambda held: _LOG not in held),
    "six fields in the access log": (_short_access_log, lambda held: _LOG in held and _LONG_LOG not in held),
    "no compression": (_no_compression, lambda held: _GZIP not in held and _LONG_LOG in held),
    "all of them": (_all, lambda held: _LOG not in held and _GZIP not in held),
}
"""What is changed in Contour's file, and how Envoy's listeners show that they have it."""
