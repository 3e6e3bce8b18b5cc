"""What every benchmark is given: where to talk, how much to do, and a cluster of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from local.cluster import lifecycle
from local.cluster.layout import Cluster
from tests.cluster.deployed import Deployed
from tests.cluster.started import add_images

CLUSTER = os.environ.get("TTS_BENCH_CLUSTER", "bench")


@dataclass(frozen=True, kw_only=True)
class Run:
    """One call of `make bench`."""

    console: Console
    """On the standard error: progress."""

    quick: bool
    """Little of everything, to see that it works; its figures are worth nothing."""

    keep_cluster: bool
    """Whether the cluster stays, for a look at it or for the next run."""

    only: frozenset[str] = frozenset()
    """Names of the results that are wanted; all where none is named."""

    def wants(self, name: str) -> bool:
        """Whether a result is to be measured."""
        return not self.only or name in self.only

    def say(self, text: str) -> None:
        """One line of progress."""
        self.console.print(text, highlight=False, markup=False)

    def times(self, full: int, quick: int = 1) -> int:
        """How often something is done."""
        return quick if self.quick else full

    @contextmanager
    def cluster(self, *images: Path) -> Iterator[Cluster]:
        """The embedded cluster "bench", new unless an earlier run has kept it; `images` are definition files."""
        if not self.keep_cluster:
            lifecycle.down(CLUSTER, self.console)
        try:
            cluster = lifecycle.up(CLUSTER, 0, self.console)
            add_images(cluster, *images)
            yield cluster
        finally:
            if not self.keep_cluster:
                lifecycle.down(CLUSTER, self.console)

    @contextmanager
    def platform(self, *images: Path) -> Iterator[Deployed]:
        """The same with the local stack on it, as it is committed."""
        with self.cluster(*images) as cluster:
            stack = Deployed(cluster)
            self.say("pulumi up of the local stack")
            stack.up()
            yield stack
