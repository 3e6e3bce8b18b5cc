"""What every benchmark is given: where to talk, how much to do, and a cluster of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from local import paths
from local.cluster import lifecycle
from local.cluster.layout import Cluster
from local.files import claimed
from tests.cluster.deployed import Deployed

CLUSTER = os.environ.get("TTS_BENCH_CLUSTER", "bench")
STATE = paths.STATE / "bench"
"""What is known of a run beside its figures: that it goes on, and what went wrong."""


def alone() -> AbstractContextManager[None]:
    """Refuses where another run goes on, whose cluster this one would take down."""
    refusal = f"Another make bench measures on cluster {CLUSTER}: wait until it ends."
    return claimed(STATE / f"{CLUSTER}.lock", refusal)


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
        """The embedded cluster "bench", with the images of definition files: a new one, but with `keep_cluster` the one
        that an earlier run has kept, where there is one."""
        if not self.keep_cluster:
            lifecycle.down(CLUSTER, self.console)
        try:
            cluster = lifecycle.up(CLUSTER, 0, self.console)
            for file in images:
                self.say(f"Assembling and loading the images of {file.parent.name}/{file.name}")
                lifecycle.add_images(cluster, file, self.console)
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
