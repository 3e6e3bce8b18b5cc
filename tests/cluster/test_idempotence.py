"""A stack that stands is left alone."""

import pytest

from tests.cluster.deployed import Deployed
from tests.cluster.running import Measured


@pytest.mark.parametrize("command", [("up", "--yes", "--skip-preview"), ("preview",), ("refresh", "--yes")])
def test_a_second_run_changes_nothing(
    deployed: Deployed, measured: Measured, command: tuple[str, ...]
) -> None:
    run = measured.timed(
        f"pulumi {command[0]}, nothing to do", lambda: deployed.pulumi(*command, "--expect-no-changes")
    )
    assert run.returncode == 0, (
        f"a diff that is always there hides the one that matters:\n{run.stdout[-4000:]}"
    )


def test_a_change_is_noticed(deployed: Deployed) -> None:
    deployed.settings["inference"] = {"GREETING": "hello"}
    try:
        run = deployed.pulumi("preview", "--expect-no-changes")
    finally:
        del deployed.settings["inference"]
    assert run.returncode != 0, "an engine that sees no change would pass the tests above with any program"
