"""Commands on the benchmark's cluster, with who used the processors meanwhile."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import psutil

from local.cluster import processes as cluster_processes
from local.cluster.layout import Cluster
from local.errors import LocalError
from ops import own_state
from ops.workspace import CHECKOUT
from tests.bench.program.processes import Measured, measured
from tests.cluster.deployed import Deployed

SERVICES = Path(__file__).parent / "services"


@dataclass(frozen=True)
class Watched:
    """The cluster, and where files of the run are."""

    cluster: Cluster
    directory: Path
    importing: float = 0.0
    """Seconds of the processor that the program's imports take."""

    @cached_property
    def _init(self) -> psutil.Process:
        found = cluster_processes.init(self.cluster)
        if found is None:
            raise LocalError(f"cluster {self.cluster.name} does not run.")
        return found

    def stack(self, *arguments: str) -> Measured:
        """`pulumi` on the local stack, as `make up` runs it."""
        deployed = Deployed(self.cluster)
        machine = {"kubeconfig": str(self.cluster.kubeconfig), "httpsPort": self.cluster.port}
        deployed.workspace.prepare(machine)
        call = deployed.workspace.call(*arguments)
        return self._run(call.command, call.directory, call.environment)

    def script(self, text: str) -> Measured:
        """A shell script, which ends where one of its commands fails."""
        environment = {**os.environ, "KUBECONFIG": str(self.cluster.kubeconfig)}
        return self._run(["sh", "-e", "-c", text], self.directory, environment)

    def services(self, count: int, *arguments: str) -> Measured:
        """`pulumi` on the program with that many services, which is never updated."""
        home = self.directory / "services"
        (home / "state").mkdir(parents=True, exist_ok=True)
        environment = {
            **os.environ,
            **own_state.environment(home / "state", aws=False),
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PYTHONPATH": str(CHECKOUT),
            "KUBECONFIG": str(self.cluster.kubeconfig),
            "SERVICES": str(count),
        }
        environment.pop("PULUMI_CONFIG_PASSPHRASE_FILE", None)
        command = ["pulumi", *arguments, "--non-interactive", "--cwd", str(SERVICES)]
        return self._run(command, self.directory, environment)

    def _run(self, command: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> Measured:
        run = measured(command, cwd, environment, cluster=self._init, importing=self.importing)
        if run.code != 0:
            raise LocalError(f"{' '.join(command)[:200]} failed:\n{run.output[-3000:]}")
        return run
