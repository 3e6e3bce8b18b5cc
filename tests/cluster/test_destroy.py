"""The stack's end leaves the cluster as it was."""

from contextlib import suppress

from tests.cluster.deployed import Deployed
from tests.cluster.inventory import inventory
from tests.cluster.running import Measured, Running, eventually


def test_nothing_of_ours_is_left(
    running: Running, deployed: Deployed, before: set[str], measured: Measured
) -> None:
    ours = inventory(running) - before
    assert len(ours) > 100, f"only {len(ours)} objects were the stack's, so that its end shows little"
    run = measured.timed("pulumi destroy", lambda: deployed.pulumi("destroy", "--yes", "--skip-preview"))
    assert run.returncode == 0, f"a destroy that stops half way:\n{run.stdout[-6000:]}"
    # Volumes go after their claims: the provisioner empties them first.
    with suppress(AssertionError):
        eventually(lambda: not inventory(running) - before, 60, "nothing of ours is left")
    left = sorted(inventory(running) - before)
    assert not left, f"a cluster that is given back is given back as it was: {left}"
    assert not before - inventory(running), "something went that was not ours"
    assert not deployed.outputs(), "the state knows nothing any more"
