"""The running cluster "gitops", a git server that its pods reach, and the local stack delivered from it.

`make test-gitops` starts the cluster and runs these tests. Each goes on from where the one before it stopped.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.git_server import GitServer
from local.paths import CHECKOUT
from tests.cluster.conftest import measured, pytest_configure, pytest_terminal_summary  # noqa: F401 - shared
from tests.cluster.inventory import inventory
from tests.cluster.running import Measured, Running
from tests.cluster.started import add_images, started
from tests.gitops.delivered import TOKEN, Delivered

CLUSTER = "gitops"

_ORDER = (
    "test_first_sync",
    "test_release",
    "test_drift",
    "test_pre_upgrade",
    "test_bad_commit",
    "test_two_owners",
    "test_access",
    "test_faults",
    "test_unreadable",
    "test_destroy",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    mine = [item for item in items if item.path.parent == Path(__file__).parent]
    others = [item for item in items if item not in mine]
    items[:] = [*others, *sorted(mine, key=lambda item: _ORDER.index(item.path.stem))]


@pytest.fixture(scope="session")
def running() -> Running:
    cluster = started(CLUSTER, "make test-gitops starts it")
    add_images(cluster, CHECKOUT / "local/images/argo-cd.toml", CHECKOUT / "tests/cluster/images.toml")
    return Running(cluster)


@pytest.fixture(scope="session")
def before(running: Running) -> set[str]:
    """Every object that was there before the stack was."""
    return inventory(running)


@pytest.fixture(scope="session")
def delivered(
    running: Running,
    before: set[str],  # noqa: ARG001 - before it is up
    measured: Measured,  # noqa: F811 - the fixture
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Delivered]:
    """The stack, its first commit delivered."""
    directory = tmp_path_factory.mktemp("git")
    clone = tmp_path_factory.mktemp("clone")
    with GitServer.within(running.cluster, directory, token=TOKEN) as server:
        stack = Delivered(running, server, clone)
        stack.git("init", "--quiet", "--initial-branch=main")
        stack.prepare()
        commit = stack.first_commit()
        started = time.monotonic()
        measured.timed("pulumi up, with Argo CD, first", stack.up)
        stack.until_healthy_at(commit)
        measured.record("pulumi up, with Argo CD, until Synced and Healthy", time.monotonic() - started)
        yield stack
