"""WebSockets held open while the proxy's configuration changes under them, and without a proxy."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from tests.bench.edge.k6 import K6, Summary
from tests.bench.edge.nginx import Nginx
from tests.bench.edge.stage import BENCH, DIRECT, ENVOY, NGINX, PATIENCE, Stage, Target, answers, turned
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

_BETWEEN: Final = 1.5
"""Seconds from one reload to the next."""

_AFTER: Final = 15
"""Seconds for which everything is held once the last change is served."""

_IMPATIENT: Final = "10s"
"""For nginx with a limit on the life of its old workers. ingress-nginx sets 240 s; here a change has not as long."""


@dataclass(frozen=True)
class Proxy:
    """One proxy, and how its configuration is changed."""

    side: str
    target: Target
    prepare: Callable[[], None]
    reload: Callable[[int], None]
    add_routes: Callable[[], None]
    take_back: Callable[[], None]
    process: str
    adding: int
    """Seconds, at most, from the last reload until the further routes are served."""

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
            f"configured and closed meanwhile. A reload every {_BETWEEN} s. Of nginx: another configuration and `nginx "
            "-s reload`. Of Envoy: another timeout in the HTTPProxy of the very route, by the API. All is held for "
            f"at least {_AFTER} s after the last change.",
            "`no proxy`: straight to the port of the pod, without TLS, and without a reload: the floor of ping and "
            "upgrades.",
            f"`nginx, {_IMPATIENT}` has worker_shutdown_timeout {_IMPATIENT}, so that old workers end; "
            "ingress-nginx has 240s. Without it they live as long as their longest socket.",
            "That timeout is a part of Envoy's routes. What Contour's own file sets is a part of its listeners: "
            "edge-draining is about that, and about what Envoy closes later than this looks.",
            "Each proxy begins as a new pod. `memory` is what it holds at the end (PSS: what its processes share is "
            "counted once), with the sockets that are open then; `memory before` is what it held before the first one.",
            "`200 routes written`: until the API has 200 HTTPProxies, or nginx its file; `200 routes added`: from "
            "the same moment until the last of them is served, which is looked at every 0.2 s.",
            "A ping that is not answered when the next one is due is counted as unanswered, and so is one that "
            "never is. Pings are in whole milliseconds, as k6's clock is. Upgrades: of all that were begun.",
            "Each figure of each run, of which there are two with the order turned; the percentiles are a run's own.",
        ],
        drawn=[
            Drawn(figure="dropped", shape=Shape.BARS),
            Drawn(figure="upgrades that succeed", shape=Shape.BARS),
            Drawn(figure="ping, p95", shape=Shape.BARS),
            Drawn(figure="memory", shape=Shape.BARS),
        ],
    )
    straight = next(way for way in stage.ways("speech") if way.side == DIRECT)
    sides: list[Proxy | Target] = [*_proxies(stage), straight]
    for sockets in (50,) if run.quick else (50, 500, 2000):
        for number in range(run.times(2)):
            for one in turned(sides, number):
                run.say(f"{sockets} WebSockets, {one.side}, run {number + 1}")
                if isinstance(one, Proxy):
                    summary = _through(run, stage, one, sockets, results)
                else:
                    seconds = opening(sockets) + int(run.times(_RELOADS, 2) * _BETWEEN) + _AFTER
                    with holding(one, sockets, seconds) as k6:
                        summary = k6.summary()
                add(results, one.side, f"{sockets}", sockets, summary)
    return results


def _through(run: Run, stage: Stage, proxy: Proxy, sockets: int, results: Results) -> Summary:
    """Holds them through a proxy that is changed meanwhile."""
    reloads = run.times(_RELOADS, 2)
    seconds = opening(sockets) + int(reloads * _BETWEEN) + proxy.adding + _AFTER
    case = f"{sockets}"
    proxy.prepare()
    eventually(partial(answers, proxy.target), PATIENCE, f"{proxy.side} answers")
    time.sleep(run.times(3))
    results.add(proxy.side, case, "memory before", "MiB", stage.memory(proxy.process))
    last = last_route(proxy.target)
    try:
        # They are held from k6's start on, which takes it a moment, for so many seconds.
        end = time.monotonic() + seconds
        with holding(proxy.target, sockets, seconds) as k6:
            time.sleep(opening(sockets))
            for number in range(reloads):
                started = time.monotonic()
                proxy.reload(number)
                time.sleep(max(0.0, _BETWEEN - (time.monotonic() - started)))
            if proxy.arrived is not None:
                eventually(
                    partial(proxy.arrived, reloads - 1), 60, f"{proxy.side} has the last of the changes"
                )
            started = time.monotonic()
            proxy.add_routes()
            results.add(proxy.side, case, "200 routes written", "s", time.monotonic() - started)
            eventually(partial(answers, last), 60, "the last of the new routes is served")
            results.add(proxy.side, case, "200 routes added", "s", time.monotonic() - started)
            left = end - time.monotonic()
            if k6.ended or left < _AFTER:
                raise RuntimeError(
                    f"{proxy.side}, {sockets}: k6 was to hold the sockets for {_AFTER} s after the last change, "
                    f"and had {left:.1f} s left{' and has ended' if k6.ended else ''}"
                )
            results.add(proxy.side, case, "memory", "MiB", stage.memory(proxy.process))
            results.add(proxy.side, case, "processes", "", len(stage.processes(proxy.process)))
            summary = k6.summary()
    except BaseException:
        if run.keep_cluster:
            proxy.take_back()
        raise
    proxy.take_back()
    if proxy.closes and not summary.count("held_dropped") and not run.quick:
        raise RuntimeError(f"{proxy.side} has closed no socket although its workers have ended")
    return summary


def opening(sockets: int) -> int:
    """Seconds until all of them are open: in which they are opened, and for k6 to get ready."""
    return _opened(sockets) + 2 + sockets // 500


def _opened(sockets: int) -> int:
    return 3 + sockets // 200


def holding(target: Target, sockets: int, seconds: int) -> K6:
    """Holds so many, and tries new ones beside them."""
    return K6(
        "sockets.js",
        target,
        SOCKETS=sockets,
        SECONDS=seconds,
        PING=_PING,
        RATE=_UPGRADES,
        OPENING=_opened(sockets),
    )


def add(results: Results, side: str, case: str, sockets: int, summary: Summary) -> None:
    """What has become of those that were held, of the pings and of the upgrades."""
    opened, refused = summary.count("held_opened"), summary.count("held_refused")
    if opened + refused != sockets:
        raise RuntimeError(f"k6 opened {opened} sockets and was refused {refused}, of {sockets}")
    tried = summary.count("upgrades_begun")
    results.add(side, case, "refused", "sockets", refused)
    results.add(side, case, "dropped", "sockets", summary.count("held_dropped"))
    results.add(side, case, "upgrades that succeed", "%", 100 * summary.count("upgrades") / tried)
    results.add(side, case, "upgrades begun", "sockets", tried)
    results.add(side, case, "pings unanswered", "pings", summary.count("pings_unanswered"))
    results.add(side, case, "ping, median", "ms", summary.value("ping", "med"))
    results.add(side, case, "ping, p95", "ms", summary.value("ping", "p(95)"))
    results.add(side, case, "ping, max", "ms", summary.value("ping", "max"))


def _proxies(stage: Stage) -> list[Proxy]:
    envoy, nginx, *_ = stage.ways("speech")
    patient = stage.configuration
    return [
        Proxy(
            side=ENVOY,
            target=envoy,
            prepare=stage.restart_envoy,
            reload=lambda number: change_timeout(stage, number),
            add_routes=lambda: add_routes(stage),
            take_back=lambda: take_back(stage),
            process=ENVOY,
            adding=15,
            arrived=partial(has_timeout, stage),
        ),
        _nginx(stage, NGINX, nginx, patient),
        _nginx(stage, f"{NGINX}, {_IMPATIENT}", nginx, replace(patient, shutdown_timeout=_IMPATIENT)),
    ]


def _nginx(stage: Stage, side: str, target: Target, configuration: Nginx) -> Proxy:
    further = {f"route-{number}.bench.localhost": "small" for number in range(_FURTHER)}

    def reload(number: int) -> None:
        stage.nginx(replace(configuration, read_timeout=_timeout(number)))

    def add_routes() -> None:
        stage.nginx(replace(configuration, names={**configuration.names, **further}))

    return Proxy(
        side=side,
        target=target,
        # A worker lives by the configuration that it began with.
        prepare=lambda: stage.restart_nginx(configuration),
        reload=reload,
        add_routes=add_routes,
        take_back=stage.restart_nginx,
        process=NGINX,
        adding=10,
        closes=configuration.shutdown_timeout is not None,
    )


def _timeout(number: int) -> str:
    """What a reload sets: another one each time."""
    return f"{301 + number}s"


def change_timeout(stage: Stage, number: int) -> None:
    """Another idle timeout in the HTTPProxy of what is held."""

    def change(route: dict[str, Any]) -> None:
        route["timeoutPolicy"]["idle"] = _timeout(number)

    stage.route("speech", change=change)


def has_timeout(stage: Stage, number: int) -> bool:
    """Whether it has reached Envoy."""
    return f'"{_timeout(number)}"' in json.dumps(stage.envoy_has("dynamic_route_configs"))


def add_routes(stage: Stage) -> None:
    """200 HTTPProxies, all at once."""
    stage.apply(
        stage.proxy("small", f"route-{number}", labels={"bench": "further"}) for number in range(_FURTHER)
    )


def last_route(target: Target) -> Target:
    """The way to the last of them."""
    return replace(target, host=f"route-{_FURTHER - 1}.bench.localhost")


def take_back(stage: Stage) -> None:
    """What these have changed."""
    stage.kubectl("delete", "httpproxies", "--namespace", BENCH, "--selector=bench=further", "--wait=true")
    stage.route("speech")
