"""How much of what a proxy costs is configuration."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from tests.bench import contour
from tests.bench.edge import bare
from tests.bench.edge.bare import Bare
from tests.bench.edge.closed import with_processor_time
from tests.bench.edge.stage import PATIENCE, Stage, Target, turned
from tests.bench.results import Drawn, Results, Shape
from tests.bench.run import Run
from tests.cluster.running import eventually

_CONNECTIONS: Final = 50

_LOG, _LONG_LOG, _GZIP = "/dev/stdout", "upstream_service_time", "compressor"
"""What Envoy's listeners have in them that log, log all fields, and compress."""

_BUFFERS: Final = "per_connection_buffer_limit_bytes"

_AS_IT_IS, _ONE_WORKER = "as it is", "one worker"


@dataclass(frozen=True)
class Step:
    """A configuration that is measured."""

    way: Target
    case: str
    prepare: Callable[[], None]


def configurations(run: Run, stage: Stage) -> Results:
    """The same load with one thing after the other changed or left out."""
    results = Results(
        name="edge-configuration",
        title="What configuration costs, 50 connections, HTTP/1.1",
        notes=[
            "Envoy: a new pod, with Contour's file as the program writes it but for what is named. "
            "Each proxy has a worker for each core, where it does not say one.",
            "Envoy without Contour: the same image in a pod of its own with a static file: TLS, one route, the router, "
            "no other filter, no log, the same buffers; `Contour's filters` has those of Contour's listener without "
            "compression. Beside `no log, no compression` of Envoy it still lacks the guard of memory and connections, "
            "routes and addresses that change while it runs, a choice of certificates, circuit breakers, "
            "health checks and retries, and what Contour has done to paths and headers.",
        ],
        drawn=[
            Drawn(figure="requests per second", shape=Shape.BARS),
            Drawn(figure="processor time of the proxy", shape=Shape.BARS),
        ],
    )
    file, arguments = contour.configuration(stage.running), contour.envoy_arguments(stage.running)
    steps = [*_envoy(stage, file, arguments), *_nginx(stage), *_without_contour(stage, file)]
    try:
        turns = run.times(3)
        for turn in range(turns):
            # Not by one: then nearly all would be at the same place of each turn.
            for step in turned(steps, turn * len(steps) // turns):
                run.say(f"configuration: {step.way.side}, {step.case}")
                step.prepare()
                _measure(run, stage, step, results)
    finally:
        if run.keep_cluster:
            bare.stop(stage)
            contour.configure(stage.running, file)
            contour.start_envoy_with(stage.running, arguments)
            stage.nginx(stage.configuration)
    return results


def _measure(run: Run, stage: Stage, step: Step, results: Results) -> None:
    side, case = step.way.side, step.case
    # What a new configuration costs once is not what is measured.
    time.sleep(run.times(3))
    seconds = run.times(5, 1)
    for _ in range(run.times(2)):
        done, each = with_processor_time(stage, step.way, _CONNECTIONS, seconds, http2=False)
        results.add(side, case, "requests per second", "1/s", done.rate)
        results.add(side, case, "processor time of the proxy", "µs/request", each)
        results.add(side, case, "p95", "ms", done.p95)


def _envoy(stage: Stage, file: dict[str, Any], arguments: list[str]) -> list[Step]:
    envoy, *_ = stage.ways("small")

    def prepare(case: str, *further: str) -> None:
        change, has_reached = _CASES[case]
        configuration = deepcopy(file)
        change(configuration)
        contour.configure(stage.running, configuration)
        # A new one each time: what an earlier case has left, such as listeners that drain, is not this one's.
        contour.start_envoy_with(stage.running, [*arguments, *further])
        eventually(partial(_holds, stage, has_reached), PATIENCE, f"Envoy has the configuration: {case}")

    def one_worker() -> None:
        prepare(_AS_IT_IS, "--concurrency 1")
        if (workers := _workers(stage)) != 1:
            raise RuntimeError(f"Envoy has {workers} workers, not one")

    return [
        *(Step(envoy, case, partial(prepare, case)) for case in _CASES),
        Step(envoy, _ONE_WORKER, one_worker),
    ]


def _nginx(stage: Stage) -> list[Step]:
    _, nginx, _ = stage.ways("small")
    as_it_is = stage.configuration
    cases = {
        _AS_IT_IS: as_it_is,
        "no access log": replace(as_it_is, access_log="off"),
        _ONE_WORKER: replace(as_it_is, workers="1"),
    }
    return [Step(nginx, case, partial(stage.nginx, configuration)) for case, configuration in cases.items()]


def _without_contour(stage: Stage, file: dict[str, Any]) -> list[Step]:
    way, workers = bare.way(stage), _workers(stage)
    # The program sets the listeners' and the clusters' alike.
    buffer = file["listener"]["per-connection-buffer-limit-bytes"]
    alone = Bare(pod=stage.configuration.pods["small"][0], buffer=buffer)
    filtered = replace(alone, filters=bare.contours_filters(stage))
    return [
        Step(way, "the router alone", partial(bare.start, stage, alone, workers)),
        Step(way, "Contour's filters", partial(bare.start, stage, filtered, workers)),
        Step(way, _ONE_WORKER, partial(bare.start, stage, alone, 1)),
    ]


def _workers(stage: Stage) -> int:
    options = stage.running.envoy_says("/server_info")["command_line_options"]
    return int(options["concurrency"])


def _holds(stage: Stage, has_reached: Callable[[str], bool]) -> bool:
    clusters = stage.envoy_has("dynamic_active_clusters")
    return has_reached(json.dumps([stage.envoy_listeners(), clusters]))


def _as_it_is(_: dict[str, Any]) -> None:
    pass


def _no_access_log(configuration: dict[str, Any]) -> None:
    configuration["accesslog-level"] = "disabled"


def short_access_log(configuration: dict[str, Any]) -> None:
    """Six fields instead of the default's."""
    configuration["json-fields"] = [
        "@timestamp",
        "method",
        "path",
        "response_code",
        "duration",
        "upstream_host",
    ]


def has_short_access_log(stage: Stage) -> bool:
    """Whether that has reached Envoy."""
    return _holds(stage, _logs_six_fields)


def _logs_six_fields(held: str) -> bool:
    return _LOG in held and _LONG_LOG not in held


def _no_compression(configuration: dict[str, Any]) -> None:
    configuration["compression"] = {"algorithm": "disabled"}


def _envoys_own_buffers(configuration: dict[str, Any]) -> None:
    for of in ("listener", "cluster"):
        del configuration[of]["per-connection-buffer-limit-bytes"]


def _neither(configuration: dict[str, Any]) -> None:
    for change in (_no_access_log, _no_compression):
        change(configuration)


_CASES: Final[dict[str, tuple[Callable[[dict[str, Any]], None], Callable[[str], bool]]]] = {
    _AS_IT_IS: (
        _as_it_is,
        lambda held: _LOG in held and _LONG_LOG in held and _GZIP in held and _BUFFERS in held,
    ),
    "no access log": (_no_access_log, lambda held: _LOG not in held),
    "six fields in the access log": (short_access_log, _logs_six_fields),
    "no compression": (_no_compression, lambda held: _GZIP not in held and _LONG_LOG in held),
    "buffers of 1 MiB": (_envoys_own_buffers, lambda held: _BUFFERS not in held),
    "no log, no compression": (_neither, lambda held: _LOG not in held and _GZIP not in held),
}
"""What is changed in Contour's file, and how Envoy's listeners show that they have it."""
