"""What an ephemeral stack begins with, where it is to begin with the platform's data."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import ops.ephemeral_seed
from ops import stack_file
from ops.ephemeral_platform import Platform
from ops.ephemeral_seed import seeds
from ops.errors import OpsError
from ops.snapshot_cluster import StackCluster
from ops.workspace import OwnBackend
from tests.support import api_server
from tests.support.api_server import Api
from tests.support.project import ROOT
from tests.unit.test_ops_snapshots import volume_snapshot

DRIVER = "btrfs.csi.tts-platform.local"
HOURS = {"old": 50, "newer": 5, "newest": 1}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    with api_server.running() as made:
        cluster = StackCluster("local", "tts", "speech", made.client)
        monkeypatch.setattr(ops.ephemeral_seed, "connected", lambda _: cluster)
        made.objects["volumesnapshots"] = {}
        made.objects["volumesnapshotcontents"] = {}
        yield made


def taken(api: Api, name: str, *, ready: bool = True, stack: str = "local") -> None:
    """A snapshot of both volumes."""
    for volume in ("outputs", "weights"):
        when = datetime.now(UTC) - timedelta(hours=HOURS[name])
        item = volume_snapshot(name, volume, taken=when, stack=stack, volumes="outputs,weights")
        item["status"]["readyToUse"] = ready
        api.add("volumesnapshots", item)
        api.add(
            "volumesnapshotcontents",
            {
                "metadata": {"name": f"c-{name}-{volume}"},
                "spec": {"volumeSnapshotRef": {"namespace": "tts", "name": item["metadata"]["name"]}},
                "status": {"snapshotHandle": f"snap-{name}-{volume}"},
            },
        )


def local(**changes: Any) -> Platform:
    """The local stack, with an engine that keeps weights on a volume."""
    weights = {"engine": "cosyvoice", "image": "acme/cosyvoice:1.0.0", "weightsSize": "1Gi"}
    stack = stack_file.read(ROOT, "local", None, **{**weights, **changes})
    return Platform(stack=stack, backend=OwnBackend("local"), outputs={})


def test_the_newest_good_ones_weights(api: Api) -> None:
    taken(api, "old")
    taken(api, "newer")
    taken(api, "newest", ready=False)
    found = seeds(local(), with_outputs=False)
    assert found == {"snapshots": "csi", "snapshotDriver": DRIVER, "weightsFrom": "snap-newer-weights"}, (
        "what was spoken is somebody's, and a snapshot that is not ready would be waited for"
    )


def test_the_outputs_where_they_are_asked_for(api: Api) -> None:
    taken(api, "newer")
    found = seeds(local(), with_outputs=True)
    assert (found["weightsFrom"], found["outputsFrom"]) == ("snap-newer-weights", "snap-newer-outputs")


def test_another_stacks_are_not_taken(api: Api) -> None:
    taken(api, "newest", stack="other")
    with pytest.raises(
        OpsError, match=r"Stack local has no good snapshot of weights: make snapshot STACK=local"
    ):
        seeds(local(), with_outputs=False)


def test_without_a_volume_of_weights(api: Api) -> None:
    taken(api, "newer")
    bare = local(engine="espeak", weightsSize="")
    with pytest.raises(OpsError, match=r"has no volume of weights \(weightsSize\)"):
        seeds(bare, with_outputs=False)
    assert seeds(bare, with_outputs=True).keys() == {"snapshots", "snapshotDriver", "outputsFrom"}


def test_a_platform_without_snapshots(api: Api) -> None:  # noqa: ARG001 - would answer
    with pytest.raises(OpsError, match="takes no snapshots"):
        seeds(local(snapshots="none"), with_outputs=False)
