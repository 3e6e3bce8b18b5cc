"""What fails around a delivery: the service serves on, and Argo CD finds back by itself."""

from tests.cluster import faults
from tests.cluster.conftest import speaks
from tests.cluster.running import eventually
from tests.gitops.delivered import PATIENCE, Delivered


def test_git_cannot_be_reached(delivered: Delivered) -> None:
    with delivered.server.unreachable():
        commit = delivered.release_the_other()
        assert delivered.webhook().status_code == 200
        eventually(
            lambda: delivered.status()["sync"]["status"] == "Unknown",
            PATIENCE,
            "Argo CD knows that it is blind",
        )
        assert speaks(delivered.door), "what runs needs no git"
    delivered.webhook()
    delivered.until_healthy_at(commit)


def test_the_repo_server_is_killed(delivered: Delivered) -> None:
    commit = delivered.release_the_other()
    assert faults.kill(delivered.cluster, faults.program("argocd-repo-server")) == 1
    delivered.webhook()
    assert speaks(delivered.door)
    delivered.until_healthy_at(commit)


def test_the_controller_is_killed_in_the_middle_of_a_sync(delivered: Delivered) -> None:
    commit = delivered.release_the_other()
    before = delivered.status().get("operationState", {}).get("startedAt")
    assert delivered.webhook().status_code == 200
    eventually(
        lambda: delivered.status().get("operationState", {}).get("startedAt") != before,
        PATIENCE,
        "a sync has begun",
    )
    assert faults.kill(delivered.cluster, faults.program("argocd-application-controller")) == 1
    assert speaks(delivered.door)
    delivered.until_healthy_at(commit)
