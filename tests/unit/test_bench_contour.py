"""What Contour's figures are of."""

from collections.abc import Mapping

from tests.bench.contour import mean
from tests.bench.prometheus import Metrics


def said(count: int, seconds: float) -> Metrics:
    return Metrics.parse(f"x_count {count}\nx_sum {seconds}\n")


def test_the_mean_is_of_what_was_between_two_looks() -> None:
    before: Mapping[str, Metrics] = {"one": said(4, 1.5), "other": said(2, 1)}
    after = {"one": said(6, 2), "other": said(4, 1.5)}
    assert mean(before, after, "x") == 0.25
    assert mean(before, before, "x") is None, "nothing was done, which is not the same as done at once"


def test_work_is_counted_of_the_containers_that_lasted() -> None:
    before = {"old": said(900, 30), "lasting": said(10, 1)}
    assert mean(before, {"new": said(4, 2), "lasting": said(14, 1.5)}, "x") == 0.125
    assert mean({"old": said(900, 30)}, {"new": said(4, 2)}, "x") is None
