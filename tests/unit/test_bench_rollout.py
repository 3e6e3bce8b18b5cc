"""The sums of the benchmark of the rollout."""

from tests.bench.rollout.edge_metrics import mean


def test_the_mean_is_of_what_was_between_two_looks() -> None:
    before, after = {"x_sum": 1.5, "x_count": 4}, {"x_sum": 2.5, "x_count": 8}
    assert mean(before, after, "x") == 0.25
    assert mean(before, before, "x") is None, "nothing was done, which is not the same as done at once"
