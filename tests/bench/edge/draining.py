"""WebSockets for longer than Envoy lets the connections of a changed listener live."""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from tests.bench import contour
from tests.bench.edge import sockets
from tests.bench.edge.configuration import has_short_access_log, short_access_log
from tests.bench.edge.stage import PATIENCE, Stage, answers, turned
from tests.bench.results import Drawn, Results, Shape
from tests.bench.run import Run
from tests.cluster.running import eventually

_SOCKETS: Final = 500

_DRAIN: Final = 30
"""Seconds, instead of Envoy's 600."""

_AFTER: Final = 20
"""Seconds for which all is held beyond that."""


@dataclass(frozen=True)
class Change:
    """What is changed under the sockets."""

    case: str
    seconds: int
    """That it may take to reach Envoy."""

    make: Callable[[], None]
    has_reached: Callable[[], bool]
    take_back: Callable[[], None]


def drained(run: Run, stage: Stage) -> Results:
    """Three changes, one at a time: of a route, of 200 routes, and of Contour's own file."""
    results = Results(
        name="edge-draining",
        title=f"{_SOCKETS} WebSockets through Envoy for longer than its drain time",
        notes=[
            f"Envoy begins as a new pod with --drain-time-s {_DRAIN} (600 is its default, and what is installed has). "
            f"One change is made; they are held for at least {_DRAIN + _AFTER} s after it has reached Envoy. Each "
            "is pinged every 5 s, and ten new ones a second are opened, configured and closed meanwhile.",
            "`first dropped`: seconds from the moment at which Envoy, by its own account, took another listener.",
        ],
        drawn=[Drawn(figure="dropped", shape=Shape.BARS)],
    )
    envoy, *_ = stage.ways("speech")
    arguments = contour.envoy_arguments(stage.running)
    held = run.times(_SOCKETS, 50)
    try:
        for number in range(run.times(2)):
            for change in turned(_changes(stage), number):
                run.say(f"{held} WebSockets, {change.case}, run {number + 1}")
                contour.start_envoy_with(stage.running, [*arguments, f"--drain-time-s {_DRAIN}"])
                eventually(partial(answers, envoy), PATIENCE, f"{envoy.side} answers")
                seconds = sockets.opening(held) + change.seconds + _DRAIN + _AFTER
                try:
                    end = time.monotonic() + seconds
                    with sockets.holding(envoy, held, seconds) as k6:
                        time.sleep(sockets.opening(held))
                        change.make()
                        eventually(change.has_reached, change.seconds, f"Envoy has the change: {change.case}")
                        taken = _taken(stage)
                        if k6.ended or end - time.monotonic() < _DRAIN + _AFTER:
                            raise RuntimeError(f"{change.case}: k6 does not hold for long enough after it")
                        summary = k6.summary()
                finally:
                    change.take_back()
                sockets.add(results, envoy.side, change.case, held, summary)
                if summary.count("held_dropped"):
                    first = summary.value("dropped_at", "min") / 1000 - taken
                    results.add(envoy.side, change.case, "first dropped", "s", first)
    finally:
        # What is measured next is Envoy as it is installed.
        contour.start_envoy_with(stage.running, arguments)
    return results


def _taken(stage: Stage) -> float:
    """When Envoy has taken the listener that it has."""
    states = stage.envoy_listens()
    taken = next(one["last_updated"] for one in states if one["listener"]["name"] == "ingress_https")
    return datetime.fromisoformat(taken).timestamp()


def _changes(stage: Stage) -> list[Change]:
    envoy, *_ = stage.ways("speech")
    file = contour.configuration(stage.running)
    changed = deepcopy(file)
    short_access_log(changed)
    return [
        Change(
            "a route's timeout",
            10,
            partial(sockets.change_timeout, stage, 0),
            partial(sockets.has_timeout, stage, 0),
            partial(sockets.take_back, stage),
        ),
        Change(
            "200 routes added",
            20,
            partial(sockets.add_routes, stage),
            partial(answers, sockets.last_route(envoy)),
            partial(sockets.take_back, stage),
        ),
        Change(
            "Contour's file",
            # Two Contours begin anew, one after the other.
            90,
            partial(contour.configure, stage.running, changed),
            partial(has_short_access_log, stage),
            partial(contour.configure, stage.running, file),
        ),
    ]
