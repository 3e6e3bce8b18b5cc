"""The running cluster "test", the local stack on it, and the order that shares what is slow to make.

`python -m local up --name test --port 0` starts the cluster; `make test` does.
"""

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from components.edge import Exposure
from local.cluster.layout import Cluster
from tests.cluster.deployed import Deployed
from tests.cluster.door import Door
from tests.cluster.inventory import inventory
from tests.cluster.running import Measured, Running, eventually
from tests.cluster.started import missing, started

CLUSTER = os.environ.get("TTS_TEST_CLUSTER", "test")

_MEASURED = pytest.StashKey[Measured]()

_ORDER = (
    # Looks on first, what restarts and kills then; each group of files once for each exposure that it asks for.
    "test_front_door",
    "test_edge_limits",
    "test_websocket",
    "test_network_policy",
    "test_drain",
    "test_pod_security",
    "test_gpu",
    "test_idempotence",
    "test_ephemeral",
    "test_rollout",
    "test_recovery",
    "test_storage",
    "test_snapshots",
    # The volume of weights stays from then on.
    "test_seed",
    "test_destroy",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    mine = [item for item in items if item.path.parent == Path(__file__).parent]
    others = [item for item in items if item not in mine]
    items[:] = [*others, *sorted(mine, key=_turn)]


def _turn(item: pytest.Item) -> tuple[bool, int, int]:
    """The first exposure's tests and all that ask for none, then the second one's, and the end of the stack at last."""
    callspec = getattr(item, "callspec", None)
    exposure = callspec.params.get("exposure", Exposure.HOST_PORT) if callspec else Exposure.HOST_PORT
    return item.path.stem == "test_destroy", exposure is Exposure.HOST_NETWORK, _ORDER.index(item.path.stem)


def pytest_configure(config: pytest.Config) -> None:
    file = os.environ.get("TTS_MEASURED")
    config.stash[_MEASURED] = Measured(Path(file) if file else None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    measured = config.stash[_MEASURED]
    if not measured.seconds:
        return
    terminalreporter.section("measured, in seconds")
    width = max(map(len, measured.seconds))
    for name, seconds in measured.seconds.items():
        terminalreporter.write_line(f"{name:<{width}}  {seconds:8.2f}")
    if measured.file is not None:
        measured.file.write_text(json.dumps(measured.seconds, indent=2) + "\n")


@pytest.fixture(scope="session")
def measured(pytestconfig: pytest.Config) -> Measured:
    """Takes named figures; they are printed at the end, and written to the file that TTS_MEASURED names."""
    return pytestconfig.stash[_MEASURED]


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    if os.geteuid() != 0:
        missing("the tests of the cluster look into its processes: run them as root")
    return started(CLUSTER, f"python -m local up --name {CLUSTER} --port 0")


@pytest.fixture(scope="session")
def running(cluster: Cluster) -> Running:
    return Running(cluster)


@pytest.fixture(scope="session")
def before(running: Running) -> set[str]:
    """Every object that was there before the stack was."""
    file = running.cluster.directory / "before-the-stack.json"
    if not file.exists():
        file.write_text(json.dumps(sorted(inventory(running))))
    return set(json.loads(file.read_text()))


@pytest.fixture(scope="session")
def deployed(cluster: Cluster, before: set[str], measured: Measured) -> Deployed:  # noqa: ARG001 - before it is up
    """The local stack as it is committed."""
    stack = Deployed(cluster)
    measured.timed("pulumi up, first", stack.up)
    return stack


@pytest.fixture(scope="session", params=[Exposure.HOST_PORT, Exposure.HOST_NETWORK])
def exposure(request: pytest.FixtureRequest, deployed: Deployed, measured: Measured) -> Exposure:
    """How Envoy meets the world; the change from one to the other is a real update of the stack."""
    wanted: Exposure = request.param
    if wanted is Exposure.HOST_NETWORK:
        # The one edge node's own address: what a person writes who trusts nothing more than that.
        edge = [f"{deployed.cluster.node_address('edge')}/32"]
        started = time.monotonic()
        deployed.change(exposure=wanted.value, edgeCidrs=edge)
        measured.record("pulumi up, host_port to host_network", time.monotonic() - started)
        _door(deployed)
        measured.record("host_port to host_network, until it speaks", time.monotonic() - started)
    return wanted


@pytest.fixture
def door(deployed: Deployed, exposure: Exposure) -> Door:  # noqa: ARG001 - the exposure that is asked for
    """The edge node's own address, in each exposure."""
    return _door(deployed)


@pytest.fixture
def any_door(deployed: Deployed) -> Door:
    """The same, in whichever exposure there is."""
    return _door(deployed)


@pytest.fixture
def forwarded_door(door: Door, cluster: Cluster) -> Door:
    """The port of the loopback that is forwarded to the edge: what a browser on this machine opens."""
    return replace(door, address="127.0.0.1", port=cluster.port)


def _door(deployed: Deployed) -> Door:
    door = Door(str(deployed.cluster.node_address("edge")), 443, deployed.authority)
    eventually(lambda: speaks(door), 120, "the front door answers after an update of the stack")
    return door


def speaks(door: Door) -> bool:
    with door.client() as voice:
        return voice.get("/health").status_code == 200
