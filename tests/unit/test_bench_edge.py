import re
from pathlib import Path
from typing import Any, cast

import pytest

from tests.bench.edge import bare, closed
from tests.bench.edge.bare import Bare
from tests.bench.edge.nginx import Nginx
from tests.bench.edge.stage import Stage
from tests.bench.quantiles import quantile
from tests.bench.results import Results
from tests.cluster.deployed import Deployed


@pytest.mark.parametrize(
    ("count", "share", "rank"), [(1, 0.95, 1), (20, 0.95, 19), (21, 0.95, 20), (100, 0.5, 50), (10, 1.0, 10)]
)
def test_a_quantile_is_one_of_what_was_measured(count: int, share: float, rank: int) -> None:
    assert quantile(range(1, count + 1), share) == rank


def test_nothing_has_no_quantile() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        quantile([], 0.5)


def test_a_request_that_the_end_cuts_off_has_not_failed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        "1000000\t200\t2000\n"
        "1100000\t503\t1000\n"  # an error
        "1200000\t-1\t5000\n"  # a connection that broke
        "2990000\t200\t10000\n"
        "2999000\t-1\t1000\n"  # still on its way when the run ended
    )
    assert closed._read(log) == ([2.0, 10.0], 2)


def test_the_cipher_is_what_h2load_says() -> None:
    printed = "TLS Protocol: TLSv1.3\nCipher: TLS_AES_128_GCM_SHA256\nServer Temp Key: X25519 253 bits\n"
    assert closed.negotiated(printed) == ("TLSv1.3", closed._CIPHER)
    assert closed.negotiated("progress: 100% of clients started\n") == ("", "")


def test_what_belongs_to_nginx_stays_in_its_configuration() -> None:
    text = Nginx(pods={"small": ["10.0.0.1:8080", "10.0.0.2:8080"]}, names={"a.localhost": "small"}).text()
    assert "proxy_set_header Host $host;" in text
    assert "$$" not in text
    assert text.count("        server 10.0.0.") == 2
    assert re.search(r"server_name a\.localhost;\s+location / \{ proxy_pass http://small; \}", text)
    assert "worker_shutdown_timeout" not in text
    assert text.count("{") == text.count("}")


def test_nginx_has_as_many_workers_as_it_is_told() -> None:
    text = Nginx(pods={}, names={}, workers="1").text()
    assert re.search(r"^worker_processes 1;$", text, re.MULTILINE)


class Listeners:
    """Those of an Envoy."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def envoy_listeners(self) -> list[dict[str, Any]]:
        chains = [
            {
                "filter_chain_match": {"server_names": [name]},
                "filters": [
                    {
                        "typed_config": {
                            "@type": bare.MANAGER,
                            "http_filters": [{"name": "compressor"}, {"name": f"of {name}"}],
                        }
                    }
                ],
            }
            for name in self.names
        ]
        return [{"filter_chains": [{"filters": []}]}, {"filter_chains": chains}]


def test_contours_filters_are_those_of_the_backend_that_is_measured() -> None:
    listeners = cast("Stage", Listeners("speech.bench.localhost", "small.bench.localhost"))
    filters = bare.contours_filters(listeners)
    assert filters == [{"name": "of small.bench.localhost"}]
    file = Bare(pod="10.0.0.1:8080", buffer=32768, filters=filters).configuration()["static_resources"]
    (chain,) = file["listeners"][0]["filter_chains"]
    assert chain["filters"][0]["typed_config"]["http_filters"] == filters
    endpoint = file["clusters"][0]["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]
    assert endpoint["address"]["socket_address"] == {"address": "10.0.0.1", "port_value": 8080}


def test_a_listener_that_drains_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new, coming = ({"listener": {"name": name}} for name in ("old", "new", "coming"))
    has = [{"active_state": new, "draining_state": old}, {"warming_state": coming}]
    monkeypatch.setattr(Stage, "envoy_has", lambda *_: has)
    assert Stage(cast("Deployed", None)).envoy_listeners() == [{"name": "new"}]


def test_filters_of_nothing_are_none() -> None:
    with pytest.raises(RuntimeError, match="no listener for the small backend"):
        bare.contours_filters(cast("Stage", Listeners("speech.bench.localhost")))


def test_runs_of_the_same_case_are_one_series() -> None:
    results = Results(name="x", title="X", machine={})
    for value in (3.0, 1.0, 2.0):
        results.add("Envoy", "10 connections", "p95", "ms", value)
    results.add("nginx", "10 connections", "p95", "ms", 9.0)
    assert [(series.side, series.values, series.median) for series in results.of("p95")] == [
        ("Envoy", [3.0, 1.0, 2.0], 2.0),
        ("nginx", [9.0], 9.0),
    ]
