"""A new image, by a commit: under load, told by a webhook, and found by looking."""

import time

from tests.cluster.load import Load
from tests.cluster.running import Measured, eventually
from tests.gitops.delivered import IMAGE, PATIENCE, POLL_SECONDS, Delivered


def test_by_webhook_without_losing_a_request(delivered: Delivered, measured: Measured) -> None:
    with Load(delivered.door) as load:
        eventually(lambda: load.served["request"] > 10, 60, "the load is on before anything changes")
        commit = delivered.release("1.0.1")
        started = time.monotonic()
        assert delivered.webhook().status_code == 200
        eventually(lambda: delivered.images() == {f"{IMAGE}:1.0.1"}, PATIENCE, "the new version alone serves")
        measured.record("from push to served, by webhook", time.monotonic() - started)
        delivered.until_healthy_at(commit)
        after = load.served["request"]
        eventually(lambda: load.served["request"] > after + 10, 60, "and it goes on")
    assert not load.lost, load.account


def test_by_looking(delivered: Delivered, measured: Measured) -> None:
    commit = delivered.release("1.0.0")
    started = time.monotonic()
    eventually(
        lambda: delivered.images() == {f"{IMAGE}:1.0.0"},
        POLL_SECONDS + PATIENCE,
        "a push that nobody tells of is seen at the next look",
    )
    measured.record(f"from push to served, by a look every {POLL_SECONDS} s", time.monotonic() - started)
    delivered.until_healthy_at(commit)
