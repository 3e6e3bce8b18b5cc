"""The cluster that everything of scale is measured on: the stack, simulated nodes, and answers for their pods."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local.cluster.layout import Cluster
from local.errors import LocalError
from local.git_server import GitServer
from local.paths import CHECKOUT
from stacks.versions import ARGO_CD
from tests.bench import machine
from tests.bench.run import Run
from tests.bench.scale import fake_nodes
from tests.bench.scale.answers import answering
from tests.bench.scale.argo import ArgoCd
from tests.bench.scale.edge import HOME, Edge
from tests.bench.scale.fleet import Fleet, Templates
from tests.bench.usage import Usage
from tests.cluster.deployed import IMPATIENT
from tests.cluster.running import Running
from tests.gitops.delivered import STACK, TOKEN, Delivered

SETTINGS: Final = {
    "gitPollSeconds": "180",
    "customEngine": {**IMPATIENT["customEngine"], "startupSeconds": 180},
}
"""Argo CD looks into git as often as it does by itself; a pod may take its time on a busy machine."""


@dataclass(frozen=True)
class Place:
    """What everything is measured on."""

    cluster: Cluster
    running: Running
    fleet: Fleet
    edge: Edge
    usage: Usage
    argo: ArgoCd
    versions: dict[str, str]


@contextmanager
def prepared(run: Run) -> Iterator[Place]:
    """One that nothing has been measured on; LocalError where it is a kept one."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cluster = stack.enter_context(run.cluster(CHECKOUT / "local/images/argo-cd.toml"))
        clone = directory / "clone"
        clone.mkdir()
        server = stack.enter_context(GitServer.within(cluster, directory / "git", token=TOKEN))
        running = Running(cluster)
        _check_new(running)
        delivered = Delivered(running, server, clone, SETTINGS)
        run.say("pulumi up of the local stack, delivered by Argo CD")
        delivered.git("init", "--quiet", "--initial-branch=main")
        delivered.prepare()
        # What is committed is rendered with the same.
        delivered.workspace.prepare(delivered.settings)
        commit = delivered.first_commit()
        delivered.up()
        delivered.until_healthy_at(commit, 300)
        fleet = Fleet(running, Templates.read(clone / "manifests" / STACK))
        usage = Usage(cluster)
        stack.enter_context(answering(cluster, fleet.templates.port))
        stack.enter_context(fake_nodes.simulating(cluster, cluster.logs / "kwok.log"))
        versions = {
            **machine.versions(running),
            "kwok": fake_nodes.version(),
            "Argo CD": ARGO_CD.tag,
        }
        yield Place(cluster, running, fleet, Edge(fleet), usage, ArgoCd(delivered, fleet, usage), versions)


def _check_new(running: Running) -> None:
    if any(item.metadata.name == HOME for item in running.core.list_namespace().items):
        name = running.cluster.name
        raise LocalError(
            f"Cluster {name} has an earlier run's services on it, and this benchmark begins with none: "
            f"make down NAME={name} takes it away."
        )
