"""The local stack on the test cluster, driven by the real `pulumi`."""

import json
import os
import subprocess
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pytest

from local.cluster.layout import Cluster
from ops import speech
from ops.workspace import Workspace

# The local engine as it is, but for how long it may take to start: nobody has to watch a bad version for three minutes.
IMPATIENT: dict[str, Any] = {
    "engine": "custom",
    "customEngine": {
        "port": 8091,
        "healthPath": "/health",
        "speechPath": "/v1/audio/speech",
        "streamPaths": ["/v1/audio/speech/stream"],
        "environment": {"OUTPUTS_DIR": "/outputs"},
        "outputsPath": "/outputs",
        "user": 10001,
        "readOnlyRoot": True,
        "cpuRequest": "100m",
        "memoryRequest": "128Mi",
        "memoryLimit": "256Mi",
        "pullSeconds": 5,
        "startupSeconds": 5,
        "synthesisSeconds": 30,
    },
}

# The same, with a place for weights, and time for their volume to be made.
WEIGHTED: dict[str, Any] = {
    **IMPATIENT,
    "customEngine": {
        **IMPATIENT["customEngine"],
        "weightsPath": "/weights",
        "pullSeconds": 30,
        "startupSeconds": 30,
    },
}


LONG = pytest.mark.skipif(
    "TTS_LONG" not in os.environ, reason="takes minutes that make test has not: set TTS_LONG=1"
)


@dataclass
class Deployed:
    """One stack and its settings. Its state lies with the cluster's, so that both go together."""

    cluster: Cluster
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    """What the stack has on top of the committed settings and of this machine's own."""

    @property
    def workspace(self) -> Workspace:
        return Workspace(stack="local", directory=self.cluster.directory / "stack")

    def pulumi(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs one command with the present settings, to its end, whatever that is."""
        machine = {"kubeconfig": str(self.cluster.kubeconfig), "httpsPort": self.cluster.port}
        self.workspace.prepare({**machine, **self.settings})
        return self.workspace.run(*arguments, capture=True, check=False)

    def up(self, *arguments: str) -> None:
        run = self.pulumi("up", "--yes", "--skip-preview", *arguments)
        assert run.returncode == 0, f"pulumi up failed:\n{run.stdout[-6000:]}\n{run.stderr[-2000:]}"

    def change(self, **settings: Any) -> None:
        """Puts settings on top of those that are there, and updates; None takes one away again."""
        merged = {**self.settings, **settings}
        self.settings = {key: value for key, value in merged.items() if value is not None}
        self.up()

    def outputs(self) -> dict[str, Any]:
        outputs: dict[str, Any] = json.loads(
            self.workspace.run("stack", "output", "--json", capture=True).stdout
        )
        return outputs

    @cached_property
    def authority(self) -> str:
        """PEM of the CA that signed the service's certificate."""
        return speech.authority(str(self.cluster.kubeconfig), None, self.outputs()["ca_secret"])
