"""Small requests: as many as go through, and so many a second."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tests.bench.edge import k6
from tests.bench.edge.closed import closed, with_processor_time
from tests.bench.edge.stage import DIRECT, DIRECT_HTTP2, Stage, Target, turned
from tests.bench.results import Drawn, Results, Shape
from tests.bench.run import Run

_CONNECTIONS: Final = (1, 10, 50, 200)
_RATES: Final = (50, 500, 1000)
"""Requests a second. A speech service with a hundred GPUs has some tens."""

_COUNTED: Final = "{scenario:open}"
"""Of a metric of k6: without the opening of connections."""

_PROTOCOLS: Final = {"HTTP/1.1": False, "HTTP/2": True}


def at_full_speed(run: Run, stage: Stage) -> Results:
    """Closed loop: every connection asks again as soon as it is answered."""
    results = Results(
        name="edge-small-closed",
        title="Small requests, as many as go through",
        notes=[
            "Two-byte answers over TLS 1.3 (ECDSA P-256, and AES-128-GCM as h2load says of each run), keep-alive; "
            "h2load, the proxy and "
            "the backend share the machine's cores, so that the rate is one over what all three cost "
            "together.",
            "`no proxy` is the backend without TLS: what is left of each figure when no proxy costs anything.",
            "Both proxies write an access log as JSON, in pieces of 64 KiB or after a second at most: Contour's "
            "fields, and of them those that nginx has.",
            "HTTP/2 has one stream a connection here, as HTTP/1.1 has.",
        ],
        drawn=[
            Drawn(figure="requests per second", shape=Shape.BARS),
            Drawn(figure="p95", shape=Shape.BARS, logarithmic=True),
            Drawn(figure="processor time of the proxy", shape=Shape.BARS),
        ],
    )
    seconds = run.times(4, 1)
    for number in range(run.times(4)):
        for protocol, http2 in _PROTOCOLS.items():
            for connections in _CONNECTIONS:
                for way in turned(stage.ways("small"), number):
                    case = f"{protocol}, {connections}"
                    run.say(f"closed loop, {case} connections, {way.side}")
                    each: float | None = None
                    if way.side == DIRECT:
                        done = closed(_plain_http2(way, http2), connections, seconds, http2=http2)
                    else:
                        done, each = with_processor_time(stage, way, connections, seconds, http2=http2)
                    results.add(way.side, case, "requests per second", "1/s", done.rate)
                    results.add(way.side, case, "median", "ms", done.median)
                    results.add(way.side, case, "p95", "ms", done.p95)
                    results.add(way.side, case, "p99", "ms", done.p99)
                    results.add(way.side, case, "failed", "requests", done.failed)
                    if each is not None:
                        results.add(way.side, case, "processor time of the proxy", "µs/request", each)
    return results


def at_a_rate(run: Run, stage: Stage) -> Results:
    """Open loop: so many a second, however long each takes."""
    results = Results(
        name="edge-small-open",
        title="Small requests at a fixed rate",
        notes=[
            "k6, constant arrival rate: a slow answer holds no other request back as long as k6 has a client "
            "for it, so none is left out of the figures (coordinated omission). `not sent`: those that it had "
            "none for.",
            "From the request's first byte to the answer's last, on 50 connections that were opened and used "
            "before: opening them is not in it. `new connections`: those that k6 had to open all the same.",
        ],
        drawn=[
            Drawn(figure="median", shape=Shape.BARS),
            Drawn(figure="p95", shape=Shape.BARS),
            Drawn(figure="p99", shape=Shape.BARS),
        ],
    )
    for number in range(run.times(3)):
        for protocol, http2 in _PROTOCOLS.items():
            for rate in _RATES:
                for way in turned(stage.ways("small"), number):
                    if http2 and way.side == DIRECT:
                        continue  # k6 speaks HTTP/2 only over TLS.
                    case = f"{protocol}, {rate}/s"
                    run.say(f"open loop, {case}, {way.side}")
                    seconds = run.times(15, 2)
                    done = k6.run("small.js", way, http2=http2, RATE=rate, SECONDS=seconds)
                    for figure, which in (("median", "med"), ("p95", "p(95)"), ("p99", "p(99)")):
                        results.add(
                            way.side, case, figure, "ms", done.value(f"http_req_duration{_COUNTED}", which)
                        )
                    failed = done.value(f"http_req_failed{_COUNTED}", "passes")
                    results.add(way.side, case, "failed", "requests", failed)
                    fresh = done.count("new_connections")
                    results.add(way.side, case, "new connections", "connections", fresh)
                    not_sent = done.count(f"dropped_iterations{_COUNTED}")
                    results.add(way.side, case, "not sent", "requests", not_sent)
    return results


def _plain_http2(way: Target, http2: bool) -> Target:
    return replace(way, port=DIRECT_HTTP2) if http2 else way
