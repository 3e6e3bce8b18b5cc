"""Pulumi and Argo CD in turn: each has its own, and neither undoes what the other has done."""

from tests.gitops.delivered import Delivered

TURNS = 10


def test_neither_undoes_the_others(delivered: Delivered) -> None:
    for turn in range(TURNS):
        commit = delivered.release_the_other()
        assert delivered.webhook().status_code == 200
        # In Argo CD's own settings, as a part of its URL.
        delivered.settings["httpsPort"] = 8443 + turn
        delivered.up()
        delivered.until_healthy_at(commit)
    # Not only what Pulumi remembers: what is in the cluster.
    run = delivered.pulumi("preview", "--refresh", "--expect-no-changes")
    assert run.returncode == 0, f"Argo CD has changed what is Pulumi's:\n{run.stdout[-4000:]}"
    delivered.until_healthy_at(delivered.server.head, 5)
