"""What fails around a delivery: the service serves on, and Argo CD finds back by itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from tests.cluster import faults
from tests.cluster.load import Load
from tests.cluster.running import eventually
from tests.gitops.delivered import PATIENCE, Delivered

TRIES = 3
"""Releases, until one is still under way when the controller is to be killed."""


@contextmanager
def served_throughout(delivered: Delivered) -> Iterator[None]:
    """Speech before, during and after what happens in the block, and no request lost."""
    with Load(delivered.door) as load:
        eventually(lambda: load.served["request"] > 10, 60, "the load is on before anything fails")
        yield
        after = load.served["request"]
        eventually(lambda: load.served["request"] > after + 10, 60, "and it goes on")
    assert not load.lost, load.account


def test_git_cannot_be_reached(delivered: Delivered) -> None:
    with served_throughout(delivered):
        with delivered.server.unreachable():
            commit = delivered.release_the_other()
            assert delivered.webhook().status_code == 200
            eventually(
                lambda: delivered.status()["sync"]["status"] == "Unknown",
                PATIENCE,
                "Argo CD knows that it is blind",
            )
        assert delivered.webhook().status_code == 200
        delivered.until_healthy_at(commit)


def test_the_repo_server_is_killed(delivered: Delivered) -> None:
    with served_throughout(delivered):
        commit = delivered.release_the_other()
        assert faults.kill(delivered.cluster, faults.program("argocd-repo-server")) == 1
        assert delivered.webhook().status_code == 200
        delivered.until_healthy_at(commit)


def test_the_controller_is_killed_in_the_middle_of_a_sync(delivered: Delivered) -> None:
    with served_throughout(delivered):
        commit = amid_a_sync(delivered)
        assert faults.kill(delivered.cluster, faults.program("argocd-application-controller")) == 1
        assert delivered.operation()["phase"] == "Running", "it was killed when the sync was over"
        delivered.until_healthy_at(commit)
        eventually(
            lambda: delivered.operation()["phase"] == "Succeeded", PATIENCE, "the sync is taken up, and ended"
        )


def amid_a_sync(delivered: Delivered) -> str:
    """A commit whose sync has begun and is not over."""
    for _ in range(TRIES):
        before = {None, delivered.operation().get("startedAt")}
        commit = delivered.release_the_other()
        assert delivered.webhook().status_code == 200
        begun = partial(_another, delivered, before)
        eventually(begun, PATIENCE, "a sync has begun")
        if delivered.operation()["phase"] == "Running":
            return commit
        delivered.until_healthy_at(commit)
    pytest.fail(f"each of {TRIES} syncs was over before anything could be killed")


def _another(delivered: Delivered, known: set[str | None]) -> bool:
    return delivered.operation().get("startedAt") not in known
