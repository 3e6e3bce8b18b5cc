"""Commands on the benchmark's cluster, with who used the processors meanwhile."""

from __future__ import annotations

import os
import shutil
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
from tests.bench.program.shares import CLUSTER
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

    def stack(self, *arguments: str, **environment: str) -> Measured:
        """`pulumi` on the local stack, as `make up` runs it; with further variables of the environment."""
        deployed = Deployed(self.cluster)
        machine = {"kubeconfig": str(self.cluster.kubeconfig), "httpsPort": self.cluster.port}
        deployed.workspace.prepare(machine)
        call = deployed.workspace.call(*arguments)
        return self._run(call.command, call.directory, {**call.environment, **environment})

    def script(self, text: str) -> Measured:
        """A shell script, which ends where one of its commands fails."""
        environment = {**os.environ, "KUBECONFIG": str(self.cluster.kubeconfig)}
        return self._run(["sh", "-e", "-c", text], self.directory, environment)

    def begin_services(self) -> None:
        """Makes the stack of the program with many services; its settings and its state are files of this run."""
        (self._home / "state").mkdir(parents=True)
        # Beside the copy the engine writes the salt of the stack's secrets.
        shutil.copy(SERVICES / "Pulumi.yaml", self._home)
        self._run(["pulumi", "stack", "init", "local"], self._home, self._environment(0))

    def services(self, count: int) -> Measured:
        """A preview of the program with that many services. It is never updated, so that all are to be created."""
        settings = str(self._home / "Pulumi.local.yaml")
        command = ["pulumi", "preview", "--non-interactive", "--stack", "local", "--config-file", settings]
        return self._run(command, SERVICES, self._environment(count))

    @property
    def _home(self) -> Path:
        return self.directory / "services"

    def _environment(self, count: int) -> dict[str, str]:
        environment = {
            **os.environ,
            **own_state.environment(self._home / "state", aws=False),
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PYTHONPATH": str(CHECKOUT),
            "KUBECONFIG": str(self.cluster.kubeconfig),
            "SERVICES": str(count),
        }
        environment.pop("PULUMI_CONFIG_PASSPHRASE_FILE", None)
        return environment

    def idle(self) -> float:
        """How many processors the cluster uses while nobody asks anything of it."""
        run = self.script("sleep 10")
        return run.shares.cpu[CLUSTER] / run.seconds

    def _run(self, command: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> Measured:
        run = measured(command, cwd, environment, cluster=self._init, importing=self.importing)
        if run.code != 0:
            raise LocalError(f"{' '.join(command)[:200]} failed:\n{run.output[-3000:]}")
        return run
