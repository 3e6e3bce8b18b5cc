"""Commits that should not have been: the old pod serves on, Argo CD says why, and one more commit mends it."""

import time
from collections.abc import Callable

import pytest

from local.git_server import BRANCH
from ops.rollback import rollback
from tests.cluster.conftest import speaks
from tests.cluster.running import Measured, eventually
from tests.gitops.delivered import PATIENCE, POLL_SECONDS, STACK, Delivered

A_MINUTE = 60


def crashes(delivered: Delivered) -> str:
    return delivered.release("1.0.2")


def never_gets_ready(delivered: Delivered) -> str:
    return delivered.release("1.0.3")


def is_no_yaml(delivered: Delivered) -> str:
    manifest = delivered.manifest("deployment-speech.yaml")
    manifest.write_text(manifest.read_text() + "  : not yaml\n\t- at all\n")
    return delivered.commit("No YAML")


def is_refused(delivered: Delivered) -> str:
    manifest = delivered.manifest("service-speech.yaml")
    manifest.write_text(manifest.read_text().replace("port: 80\n", "port: 80000\n"))
    return delivered.commit("A port that there is not")


@pytest.mark.parametrize(
    ("commit_it", "says"),
    [
        (crashes, "exceeded its progress deadline"),
        (never_gets_ready, "exceeded its progress deadline"),
        (is_no_yaml, "deployment-speech.yaml"),
        (is_refused, "80000"),
    ],
)
def test_the_old_one_serves_on_and_the_way_back_is_short(
    delivered: Delivered, measured: Measured, commit_it: Callable[[Delivered], str], says: str
) -> None:
    good = delivered.images()
    commit_it(delivered)
    assert delivered.webhook().status_code == 200
    eventually(lambda: says in why(delivered), PATIENCE, f"the Application says why: {says}")
    if commit_it is is_refused:
        eventually(lambda: retries(delivered) == 3, PATIENCE * 2, "it is tried three times more, and no more")
        eventually(lambda: delivered.operation()["phase"] == "Failed", PATIENCE, "then it gives up")
        last = tried(delivered)
        time.sleep(POLL_SECONDS + 5)
        assert tried(delivered) == last, "after the next look into git it goes on trying"
    assert delivered.images() == good, "the old pod is what serves"
    assert speaks(delivered.door)

    started = time.monotonic()
    commit = delivered.pushed(rollback(delivered.clone, STACK, None, BRANCH))
    assert delivered.webhook().status_code == 200
    delivered.until_healthy_at(commit, A_MINUTE)
    measured.record(f"back from a commit that {commit_it.__name__}", time.monotonic() - started)
    assert delivered.images() == good
    assert speaks(delivered.door)


def why(delivered: Delivered) -> str:
    """Everything that the Application says about itself."""
    status = delivered.status()
    said = [item["message"] for item in status.get("conditions", [])]
    said += [item.get("health", {}).get("message", "") for item in status.get("resources", [])]
    said.append(status.get("operationState", {}).get("message", ""))
    said += [
        item.get("message", "")
        for item in status.get("operationState", {}).get("syncResult", {}).get("resources", [])
    ]
    return " ".join(said)


def retries(delivered: Delivered) -> int:
    return int(delivered.operation().get("retryCount", 0))


def tried(delivered: Delivered) -> tuple[str, ...]:
    """When the last sync began and ended, and how."""
    operation = delivered.operation()
    return tuple(str(operation.get(key)) for key in ("startedAt", "finishedAt", "retryCount", "phase"))
