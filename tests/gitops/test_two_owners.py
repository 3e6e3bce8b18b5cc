"""Pulumi and Argo CD in turn: each has its own, and neither undoes what the other has done."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.running import NAMESPACE
from tests.gitops.delivered import Delivered

TURNS = 10
ARGO_CD_SETTINGS = "argo-cd-configmap-argocd-argocd-cm"
"""Pulumi's name of it."""
TURN = "example.com/turn"


@pytest.fixture
def service(delivered: Delivered) -> Iterator[Path]:
    """The Service's manifest, as the code renders it when the test is over."""
    manifest = delivered.manifest("service-speech.yaml")
    rendered = manifest.read_text()
    yield manifest
    manifest.write_text(rendered)
    commit = delivered.commit("As rendered")
    assert delivered.webhook().status_code == 200
    delivered.until_healthy_at(commit)


def test_neither_undoes_the_others(delivered: Delivered, service: Path) -> None:
    rendered = service.read_text()
    for turn in range(TURNS):
        # No new image: ten of them would only be waited for.
        service.write_text(rendered.replace("  annotations:\n", f'  annotations:\n    {TURN}: "{turn}"\n', 1))
        commit = delivered.commit(f"Turn {turn}")
        assert delivered.webhook().status_code == 200
        delivered.until_healthy_at(commit)
        # In Argo CD's own settings, as a part of its URL.
        delivered.settings["httpsPort"] = 8443 + turn
        assert delivered.updated() == {ARGO_CD_SETTINGS: "update"}, "the URL, and nothing of the service"
        delivered.until_healthy_at(commit, 30)
        found = delivered.running.core.read_namespaced_service("speech", NAMESPACE)
        assert found.metadata.annotations[TURN] == str(turn), "what was committed stays, up or not"
    # Not only what Pulumi remembers: what is in the cluster.
    run = delivered.pulumi("preview", "--refresh", "--expect-no-changes")
    assert run.returncode == 0, f"Argo CD has changed what is Pulumi's:\n{run.stdout[-4000:]}"
    delivered.until_healthy_at(commit, 5)
