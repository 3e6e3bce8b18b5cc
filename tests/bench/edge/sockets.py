"""WebSockets held open while the proxy's configuration changes under them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from tests.bench.edge.k6 import K6
from tests.bench.edge.nginx import Nginx
from tests.bench.edge.stage import BENCH, ENVOY, NGINX, PATIENCE, Stage, Target, answers
from tests.bench.results import Drawn, Results, Shape
from tests.bench.run import Run
from tests.cluster.running import eventually

_RELOADS: Final = 10
_FURTHER: Final = 200
"""Routes that are added."""

_PING: Final = 5
"""Seconds between two pings on a socket."""

_UPGRADES: Final = 10
"""New sockets a second beside those that are held."""

_BETWEEN: Final = 2.5
"""Seconds from one reload to the next."""

_AFTER: Final = 20
"""Seconds for which everything is held once the last change is made."""

_IMPATIENT: Final = "10s"
"""For nginx with a limit on the life of its old workers. ingress-nginx sets 240 s; here a change has not as long."""


@dataclass(frozen=True)
class Way:
    """One proxy, and how its configuration is changed."""

    side: str
    target: Target
    prepare: Callable[[], None]
    reload: Callable[[int], None]
    add_routes: Callable[[], None]
    take_back: Callable[[], None]
    process: str
    arrived: Callable[[int], bool] | None = None
    """Whether a change has reached the proxy, where the command does not wait for that."""

    closes: bool = False
    """Whether a reload ends what is held."""


def held(run: Run, stage: Stage) -> Results:
    """50, 500 and 2,000 of them, over ten reloads and 200 new routes."""
    results = Results(
        name="edge-sockets",
        title="WebSockets held through ten reloads and 200 new routes",
        notes=[
            f"Each held socket is pinged every {_PING} s; {_UPGRADES} new ones a second are opened, "
            "configured and closed meanwhile. A reload of nginx: another configuration and `nginx -s "
            "reload`. Of Envoy: another timeout in the HTTPProxy of the very route, by the API.",
            f"`nginx, {_IMPATIENT}` has worker_shutdown_timeout {_IMPATIENT}, so that old workers end; "
            "ingress-nginx has 240s. Without it they live as long as their longest socket.",
            "That timeout is a part of Envoy's routes. What Contour's own file sets is a part of its listeners, "
            "which was not changed here; the 200 routes with TLS do change them.",
            "Each begins as a new pod. `memory` is what the proxy holds at the end, with the sockets that are "
            "open then; `memory before` is what it held before the first one.",
            "`200 routes written`: until the API has 200 HTTPProxies, or nginx its file; `200 routes added`: from "
            "the same moment until the last of them is served.",
            "A ping that is not answered when the next one is due is counted as unanswered, and so is one that "
            "never is. Upgrades: of all that were begun. One run each.",
        ],
        drawn=[
            Drawn(figure="dropped", shape=Shape.BARS),
            Drawn(figure="upgrades that succeed", shape=Shape.BARS),
            Drawn(figure="ping, p95", shape=Shape.BARS),
            Drawn(figure="memory", shape=Shape.BARS),
        ],
    )
    for sockets in (50,) if run.quick else (50, 500, 2000):
        for way in _ways(stage):
            run.say(f"{sockets} WebSockets, {way.side}")
            _hold(run, stage, way, sockets, results)
    return results


def _hold(run: Run, stage: Stage, way: Way, sockets: int, results: Results) -> None:
    reloads = run.times(_RELOADS, 2)
    opening = 3 + sockets // 200
    seconds = opening + 2 + int(reloads * _BETWEEN) + _AFTER
    case = f"{sockets}"
    way.prepare()
    eventually(partial(answers, way.target), PATIENCE, f"{way.side} answers")
    time.sleep(run.times(5))
    results.add(way.side, case, "memory before", "MiB", stage.memory(way.process))
    last = replace(way.target, host=f"route-{_FURTHER - 1}.bench.localhost")
    try:
        with K6(
            "sockets.js",
            way.target,
            SOCKETS=sockets,
            SECONDS=seconds,
            PING=_PING,
            RATE=_UPGRADES,
            OPENING=opening,
        ) as k6:
            # k6 needs a moment for its virtual machines.
            time.sleep(opening + 2 + sockets / 500)
            for number in range(reloads):
                started = time.monotonic()
                way.reload(number)
                time.sleep(max(0.0, _BETWEEN - (time.monotonic() - started)))
            if way.arrived is not None:
                eventually(partial(way.arrived, reloads - 1), 60, f"{way.side} has the last of the changes")
            started = time.monotonic()
            way.add_routes()
            results.add(way.side, case, "200 routes written", "s", time.monotonic() - started)
            eventually(partial(answers, last), 60, "the last of the new routes is served")
            results.add(way.side, case, "200 routes added", "s", time.monotonic() - started)
            held = stage.memory(way.process)
            results.add(way.side, case, "memory", "MiB", held)
            results.add(way.side, case, "processes", "", len(stage.processes(way.process)))
            summary = k6.summary()
    finally:
        way.take_back()
    opened, refused = summary.count("held_opened"), summary.count("held_refused")
    if opened + refused != sockets:
        raise RuntimeError(f"k6 opened {opened} sockets and was refused {refused}, of {sockets}")
    tried = summary.count("upgrades_begun")
    dropped = summary.count("held_dropped")
    if way.closes and not dropped and not run.quick:
        raise RuntimeError(f"{way.side} has closed no socket although its workers have ended")
    results.add(way.side, case, "refused", "sockets", refused)
    results.add(way.side, case, "dropped", "sockets", dropped)
    results.add(way.side, case, "upgrades that succeed", "%", 100 * summary.count("upgrades") / tried)
    results.add(way.side, case, "upgrades begun", "sockets", tried)
    results.add(way.side, case, "pings unanswered", "pings", summary.count("pings_unanswered"))
    results.add(way.side, case, "ping, median", "ms", summary.value("ping", "med"))
    results.add(way.side, case, "ping, p95", "ms", summary.value("ping", "p(95)"))
    results.add(way.side, case, "ping, max", "ms", summary.value("ping", "max"))


def _ways(stage: Stage) -> list[Way]:
    envoy, nginx, *_ = stage.ways("speech")
    patient = stage.configuration
    return [
        Way(
            side=ENVOY,
            target=envoy,
            prepare=stage.restart_envoy,
            reload=lambda number: stage.route("speech", change=_idle(_timeout(number))),
            add_routes=lambda: stage.apply(_further(stage)),
            take_back=lambda: _remove(stage),
            process=ENVOY,
            arrived=lambda number: (
                f'"{_timeout(number)}"' in json.dumps(stage.envoy_has("dynamic_route_configs"))
            ),
        ),
        _nginx(stage, NGINX, nginx, patient),
        _nginx(stage, f"{NGINX}, {_IMPATIENT}", nginx, replace(patient, shutdown_timeout=_IMPATIENT)),
    ]


def _nginx(stage: Stage, side: str, target: Target, configuration: Nginx) -> Way:
    further = {f"route-{number}.bench.localhost": "small" for number in range(_FURTHER)}

    def reload(number: int) -> None:
        stage.nginx(replace(configuration, read_timeout=_timeout(number)))

    def add_routes() -> None:
        stage.nginx(replace(configuration, names={**configuration.names, **further}))

    return Way(
        side=side,
        target=target,
        # A worker lives by the configuration that it began with.
        prepare=lambda: stage.restart_nginx(configuration),
        reload=reload,
        add_routes=add_routes,
        take_back=stage.restart_nginx,
        process=NGINX,
        closes=configuration.shutdown_timeout is not None,
    )


def _timeout(number: int) -> str:
    """What a reload sets: another one each time."""
    return f"{301 + number}s"


def _idle(timeout: str) -> Callable[[dict[str, Any]], None]:
    def change(route: dict[str, Any]) -> None:
        route["timeoutPolicy"]["idle"] = timeout

    return change


def _further(stage: Stage) -> list[dict[str, Any]]:
    return [
        stage.proxy("small", f"route-{number}", labels={"bench": "further"}) for number in range(_FURTHER)
    ]


def _remove(stage: Stage) -> None:
    stage.kubectl("delete", "httpproxies", "--namespace", BENCH, "--selector=bench=further", "--wait=true")
    stage.route("speech")
