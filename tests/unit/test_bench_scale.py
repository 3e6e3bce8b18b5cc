"""What the benchmark of scale reads out of a program's metrics."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException
from rich.console import Console

from local.errors import LocalError
from tests.bench.prometheus import Metrics, quantile
from tests.bench.run import Run
from tests.bench.scale import applications, edge, growth, measure, place
from tests.bench.usage import role

BEFORE = """\
# HELP requests Seconds.
# TYPE requests histogram
requests_bucket{verb="GET",path="/a,b \\"c\\"",le="0.1"} 10
requests_bucket{verb="GET",path="/a,b \\"c\\"",le="1"} 10
requests_bucket{verb="GET",path="/a,b \\"c\\"",le="+Inf"} 10
requests_count{verb="GET"} 10
size_bytes 1.5e+06
"""
AFTER = """\
requests_bucket{verb="GET",le="0.1"} 20
requests_bucket{verb="GET",le="1"} 110
requests_bucket{verb="GET",le="+Inf"} 110
requests_bucket{verb="WATCH",le="+Inf"} 7
"""


def test_a_total_is_over_every_label_that_is_not_named() -> None:
    found = Metrics.parse('a{x="1",y="1"} 1\na{x="1",y="2"} 2\na{x="2"} 4\nab 8\n')
    assert found.total("a", x="1") == 3
    assert found.total("a") == 7, "another metric whose name begins alike is another one"
    assert Metrics.parse(BEFORE).total("size_bytes") == 1.5e6


def test_a_quantile_is_of_what_came_in_between() -> None:
    before = Metrics.parse(BEFORE).buckets("requests", verb="GET")
    after = Metrics.parse(AFTER).buckets("requests", verb="GET")
    # 100 came: ten up to 0.1, ninety up to 1. The middle one is forty ninetieths into the second bucket.
    assert quantile(0.5, before, after) == pytest.approx(0.1 + 0.9 * 40 / 90)
    assert quantile(0.05, before, after) == pytest.approx(0.05)


def test_nothing_in_between_is_no_figure() -> None:
    same = Metrics.parse(BEFORE).buckets("requests")
    assert quantile(0.5, same, same) is None


def test_beyond_the_last_bound_a_quantile_is_the_last_bound() -> None:
    assert quantile(0.99, {}, {0.1: 0.0, float("inf"): 5.0}) == 0.1


def test_a_process_is_known_by_its_program() -> None:
    assert role(["contour", "serve", "--incluster"]) == "contour"
    assert role(["/bin/contour", "envoy", "shutdown-manager"]) is None
    assert role(["/tools/kube-apiserver", "--flag"]) == "kube-apiserver"
    assert role(["/bin/netpol"]) == "kube-network-policies"
    assert role(["redis-server *:6379"]) == "redis-server"
    assert role([]) is None


def listing(*names: str) -> Any:
    """A cluster with these namespaces."""
    items = [SimpleNamespace(metadata=SimpleNamespace(name=name)) for name in names]
    core = SimpleNamespace(list_namespace=lambda: SimpleNamespace(items=items))
    return SimpleNamespace(core=core, cluster=SimpleNamespace(name="bench"))


def test_a_kept_cluster_with_an_earlier_runs_services_is_refused() -> None:
    place._check_new(listing("default", "tts"))
    with pytest.raises(LocalError, match="make down NAME=bench"):
        place._check_new(listing("default", "scale-00"))


def test_argo_cds_part_alone_measures_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def grow(*arguments: Any) -> None:
        step = arguments[-1]
        done.append(step.case)

    there = SimpleNamespace(
        cluster=None,
        argo=SimpleNamespace(controllers=lambda _: None),
        fleet=SimpleNamespace(prepare=lambda: None),
    )
    monkeypatch.setattr(measure, "prepared", lambda _: nullcontext(there))
    monkeypatch.setattr(measure, "start_with", lambda *_: None)
    monkeypatch.setattr(growth, "grow", grow)
    monkeypatch.setattr(applications, "measure", lambda *_: iter(["applications"]))
    run = Run(console=Console(quiet=True), quick=True, keep_cluster=False, only=frozenset({"scale-argo-cd"}))
    found: list[Any] = list(measure.measure(run))
    assert found == ["applications"], "hours of figures were thrown away"
    assert done == ["50 pods", "100 pods"], "Argo CD looks at the same services as after a whole run"


def test_what_never_came_to_be_is_gone() -> None:
    def fails(status: int) -> None:
        raise ApiException(status=status)

    edge._gone(lambda: fails(404))
    with pytest.raises(ApiException):
        edge._gone(lambda: fails(500))
