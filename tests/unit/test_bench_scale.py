"""What the benchmark of scale reads out of a program's metrics."""

import pytest

from tests.bench.prometheus import Metrics, quantile
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
