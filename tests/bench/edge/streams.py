"""Streamed speech: how much later its first chunk is heard through a proxy."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import httpx

from tests.bench.edge.stage import DIRECT, Stage, Target, turned
from tests.bench.quantiles import quantile
from tests.bench.results import Drawn, Results, Shape
from tests.bench.run import Run
from tests.cluster.door import SENTENCE, WAV_HEADER


def first_chunk(run: Run, stage: Stage) -> Results:
    """Milliseconds from a request to the first sample of its answer."""
    results = Results(
        name="edge-streams",
        title="Time to the first chunk of streamed speech",
        notes=[
            "One sentence to the local engine over a connection that is open already. The ways take "
            "turns, utterance by utterance, so that what slows one slows all.",
            "`added`: the median of the difference to the same turn without a proxy.",
        ],
        drawn=[
            Drawn(figure="first chunk", shape=Shape.DISTRIBUTION),
            Drawn(figure="added", shape=Shape.BARS),
        ],
    )
    ways = stage.ways("speech")
    ciphers = {way.side: _cipher(way) for way in ways if way.tls}
    if len({*ciphers.values()}) != 1:
        raise RuntimeError(f"the proxies cannot be compared, as they speak different ciphers: {ciphers}")
    results.notes.append(
        f"{' and '.join(ciphers)}: {ciphers.popitem()[1]}, the one that Python's client names first."
    )
    for clients in (1, 4):
        turns = run.times(200, 5) // clients
        run.say(f"first chunk, {clients} clients, {turns} turns each")
        with ThreadPoolExecutor(clients) as pool:
            done = list(pool.map(lambda _, turns=turns: _client(ways, turns), range(clients)))
        heard = {way.side: [one for client in done for one in client[way.side]] for way in ways}
        case = f"{clients} at a time"
        for side, values in heard.items():
            for value in values:
                results.add(side, case, "first chunk", "ms", value)
            results.add(side, case, "p95", "ms", quantile(values, 0.95))
            if side != DIRECT:
                added = [value - floor for value, floor in zip(values, heard[DIRECT], strict=True)]
                results.add(side, case, "added", "ms", median(added))
    return results


def _client(ways: list[Target], turns: int) -> dict[str, list[float]]:
    heard: dict[str, list[float]] = {way.side: [] for way in ways}
    # What is measured is the way, not the trust.
    with httpx.Client(verify=False, trust_env=False, timeout=30) as session:  # noqa: S501
        for turn in range(-2, turns):
            for way in turned(ways, turn):
                milliseconds = _first_chunk(session, way)
                if turn >= 0:
                    heard[way.side].append(milliseconds)
    return heard


def _cipher(way: Target) -> str:
    """Protocol and cipher that this client and a proxy agree on."""
    # What is measured is the way, not the trust.
    with (
        httpx.Client(verify=False, trust_env=False, timeout=30) as session,  # noqa: S501
        session.stream(
            "GET",
            f"https://{way.address}:{way.port}/health",
            headers={"Host": f"{way.host}:{way.port}"},
            extensions={"sni_hostname": way.host},
        ) as answer,
    ):
        name, protocol, _ = answer.extensions["network_stream"].get_extra_info("ssl_object").cipher()
    return f"{protocol}, {name}"


def _first_chunk(session: httpx.Client, way: Target) -> float:
    started = time.perf_counter()
    with session.stream(
        "POST",
        f"{'https' if way.tls else 'http'}://{way.address}:{way.port}/v1/audio/speech",
        json={"input": SENTENCE, "stream": True},
        headers={"Host": f"{way.host}:{way.port}"},
        extensions={"sni_hostname": way.host},
    ) as answer:
        answer.raise_for_status()
        heard, first = 0, 0.0
        for piece in answer.iter_raw():
            heard += len(piece)
            if heard > WAV_HEADER and not first:
                first = time.perf_counter()
    if not first:
        raise RuntimeError(f"{way.side} answered without a sample")
    return (first - started) * 1000
