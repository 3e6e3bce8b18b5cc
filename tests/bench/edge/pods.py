"""Pods behind the proxies: one that dies under load, and three that are busy for uneven times."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final

import psutil

from tests.bench import contour
from tests.bench.edge import k6
from tests.bench.edge.k6 import K6
from tests.bench.edge.stage import BENCH, DIRECT, ENVOY, NGINX, PATIENCE, Stage, Target, answers, turned
from tests.bench.results import Drawn, Results, Shape
from tests.bench.run import Run
from tests.cluster import faults
from tests.cluster.running import eventually

_LONG: Final = 90
"""Sentences of a long utterance: as many as the engine takes at once."""

_SECONDS: Final = 12
"""Of load in which a pod is killed, at 20 utterances a second."""

_CASE: Final = "of 240 utterances"

_RATE: Final = 8
"""Utterances a second in the comparison of balancing."""

_STRAIGHT: Final = (
    "`no proxy`: a Service of type NodePort, without TLS, and each utterance on a connection of its own. kube-proxy "
    "gives each connection to one of the ready pods at random, and tries no other. Times include connecting."
)


def killed(run: Run, stage: Stage) -> Results:
    """`kill -9` of one of three servers under speech; kubelet starts it again in its pod."""
    results = Results(
        name="edge-killed-pod",
        title="One of three pods killed under load",
        notes=[
            "20 utterances a second, open loop, for 12 s; one of three speech servers gets a kill -9 after 5 s.",
            "`Envoy` is the HTTPProxy as the program makes it, which tries again what no pod has heard "
            "of; `no retry` does not. nginx knows the three pods by address (least_conn) and goes on to "
            "the next one when it cannot connect, as it does by default.",
            _STRAIGHT,
        ],
        drawn=[
            Drawn(figure="failed", shape=Shape.DISTRIBUTION),
            Drawn(figure="p95", shape=Shape.DISTRIBUTION),
        ],
    )
    for number in range(run.times(4)):
        for side, target, change in turned(_sides(stage), number):
            run.say(f"a pod killed, {side}")
            if change is not None:
                _route(stage, change, by="LEAST_REQUEST", retries=change is as_it_is)
            with K6("speech.js", target, RATE=20, SECONDS=_SECONDS, NEW_CONNECTIONS=_fresh(target)) as load:
                time.sleep(5)
                _kill_one(stage)
                summary = load.summary()
            spoken, failed = summary.count("utterances_spoken"), summary.count("utterances_failed")
            if spoken + failed + summary.count("dropped_iterations") < 20 * _SECONDS - 1:
                raise RuntimeError(f"{side}: {spoken} were spoken and {failed} failed of {20 * _SECONDS}")
            results.add(side, _CASE, "failed", "utterances", failed)
            results.add(side, _CASE, "p95", "ms", summary.value("short", "p(95)"))
            results.add(side, _CASE, "longest", "ms", summary.value("short", "max"))
            _all_back(stage)
    stage.route("queueing")
    return results


def balanced(run: Run, stage: Stage) -> Results:
    """Least request against round robin, with syntheses of uneven length."""
    results = Results(
        name="edge-balance",
        title="Least request against round robin, uneven utterances",
        notes=[
            f"Three pods that speak one utterance at a time. Open loop; one utterance in seven, by chance, is {_LONG} "
            "sentences long, the others one. Which are long differs between runs, not between sides.",
            "The figures are of the short ones: what they take beyond their own time they have waited for a long one.",
            _STRAIGHT,
        ],
        drawn=[Drawn(figure=figure, shape=Shape.BARS) for figure in ("median", "p95", "p99")],
    )
    for number in range(run.times(3)):
        for method, case, target, prepare in turned(_balances(stage), number):
            run.say(f"{method}, {case}")
            prepare()
            summary = k6.run(
                "speech.js",
                target,
                RATE=_RATE,
                SECONDS=run.times(25, 5),
                LONG_EVERY=7,
                SEED=number,
                LONG=_LONG,
                NEW_CONNECTIONS=_fresh(target),
            )
            failed, spoken = summary.count("utterances_failed"), summary.count("utterances_spoken")
            if failed * 20 > spoken:
                raise RuntimeError(f"{method}, {case}: {failed} failed, {spoken} were spoken")
            results.add(method, case, "failed", "utterances", failed)
            for figure, which in (("median", "med"), ("p95", "p(95)"), ("p99", "p(99)")):
                results.add(method, case, figure, "ms", summary.value("short", which))
    stage.route("queueing")
    stage.nginx(stage.configuration)
    return results


Change = Callable[[dict[str, Any]], None]


def as_it_is(_: dict[str, Any]) -> None:
    """The route as the program makes it."""


def _route(stage: Stage, change: Change, *, by: str, retries: bool) -> None:
    stage.route("queueing", change)
    has = partial(stage.envoy_balances, "queueing", by=by, retries=retries)
    eventually(has, PATIENCE, f"Envoy has the route: {by}, retries {retries}")


def _fresh(target: Target) -> int:
    return int(target.side == DIRECT)


def _sides(stage: Stage) -> list[tuple[str, Target, Change | None]]:
    envoy, nginx, straight = stage.ways("queueing")

    def never_again(route: dict[str, Any]) -> None:
        del route["retryPolicy"]

    return [
        (ENVOY, envoy, as_it_is),
        (f"{ENVOY}, no retry", envoy, never_again),
        (NGINX, nginx, None),
        (DIRECT, straight, None),
    ]


def _balances(stage: Stage) -> list[tuple[str, str, Target, Callable[[], None]]]:
    envoy, nginx, straight = stage.ways("queueing")

    def in_turn(route: dict[str, Any]) -> None:
        route["loadBalancerPolicy"] = {"strategy": "RoundRobin"}

    configuration = stage.configuration
    turns = replace(configuration, balance={})
    return [
        ("least request", ENVOY, envoy, lambda: _route(stage, as_it_is, by="LEAST_REQUEST", retries=True)),
        ("round robin", ENVOY, envoy, lambda: _route(stage, in_turn, by="ROUND_ROBIN", retries=True)),
        ("least request", NGINX, nginx, lambda: stage.nginx(configuration)),
        ("round robin", NGINX, nginx, lambda: stage.nginx(turns)),
        ("at random", DIRECT, straight, lambda: None),
    ]


def _servers(stage: Stage) -> list[psutil.Process]:
    found = faults.matching(stage.cluster, faults.program("python3", "-m", "espeak_server"))
    return [process for process in found if process.environ().get("HOSTNAME", "").startswith("queueing-")]


def _kill_one(stage: Stage) -> None:
    servers = _servers(stage)
    if len(servers) != 3:
        raise RuntimeError(f"there are {len(servers)} servers, not three, so that nothing would be shown")
    servers[0].kill()


def _all_back(stage: Stage) -> None:
    eventually(
        lambda: len(stage.running.ready_pods(BENCH, "app=queueing")) == 3, PATIENCE, "all three are ready"
    )
    # kubelet waits longer before each further start of a container: a new pod begins anew.
    contour.restart(stage.running, "deployment/queueing", namespace=BENCH, seconds=120)
    eventually(
        lambda: len(stage.running.all_pods(BENCH, "app=queueing")) == 3, PATIENCE, "the old ones are gone"
    )
    stage.nginx(stage.configuration)
    for way in stage.ways("queueing"):
        eventually(partial(answers, way), PATIENCE, f"{way.url} of {way.side} answers")
