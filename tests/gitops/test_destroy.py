"""The end, while git is away: nothing hangs, and nothing is left."""

from tests.cluster.inventory import inventory
from tests.cluster.running import Measured, Running, eventually
from tests.gitops.delivered import Delivered


def test_nothing_is_left(
    delivered: Delivered, running: Running, before: set[str], measured: Measured
) -> None:
    with delivered.server.unreachable():
        run = measured.timed(
            "pulumi destroy, git away", lambda: delivered.pulumi("destroy", "--yes", "--skip-preview")
        )
    assert run.returncode == 0, f"pulumi destroy failed:\n{run.stdout[-4000:]}\n{run.stderr[-2000:]}"
    # Pods and what belongs to them go a moment after what they are of.
    eventually(lambda: not inventory(running) - before, 90, "the cluster is as it was")
    assert not before - inventory(running), "something went that was not ours"
