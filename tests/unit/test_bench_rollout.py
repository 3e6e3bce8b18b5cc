"""The sums of the benchmark of the rollout."""

from tests.bench.rollout.edge_metrics import mean, parsed

METRICS = """\
# HELP contour_dagrebuild_seconds Duration in seconds of DAG rebuilds
contour_dagrebuild_seconds{quantile="0.5"} 2.3514e-05
contour_dagrebuild_seconds_sum 1.5
contour_dagrebuild_seconds_count 4
process_resident_memory_bytes 5.5721984e+07
"""


def test_metrics_are_read() -> None:
    assert parsed(METRICS) == {
        "contour_dagrebuild_seconds_sum": 1.5,
        "contour_dagrebuild_seconds_count": 4,
        "process_resident_memory_bytes": 55721984,
    }, "what has labels is another figure, and a comment is none"


def test_the_mean_is_of_what_was_between_two_looks() -> None:
    before, after = {"x_sum": 1.5, "x_count": 4}, {"x_sum": 2.5, "x_count": 8}
    assert mean(before, after, "x") == 0.25
    assert mean(before, before, "x") is None, "nothing was done, which is not the same as done at once"
