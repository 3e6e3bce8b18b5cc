"""The platform that an ephemeral stack's service is put onto, and what the stack's settings are on it.

Refuses production, a stack that is protected, one that is not up, and a kubeconfig that leads to another cluster than
the platform's stack is at.
"""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.storage_backend import EBS_DRIVER, EBS_STORAGE_CLASS, EFS_STORAGE_CLASS, StorageBackend
from ops import stack_file
from ops.errors import OpsError
from ops.own_state import LOCAL
from ops.workspace import CHECKOUT, STATE, OwnBackend, Workspace, embedded
from stacks.choices import Snapshots
from stacks.ephemeral_checks import platform_problems
from stacks.ephemeral_profile import namespace_of
from stacks.kubeconfig import NoCluster, find
from stacks.settings import Stack

if TYPE_CHECKING:
    from ops.snapshot_cluster import Backend

SHARED = (
    "engine",
    "image",
    "gpusPerPod",
    "outputsSize",
    "weightsSize",
    "accessMode",
    "storageClass",
    "args",
    "inference",
    "customEngine",
    "cpuRequest",
    "cpuLimit",
    "memoryRequest",
    "memoryLimit",
    "issuer",
    "acmeEmail",
    "acmeServer",
    "acmeCa",
    "exposure",
    "edgeCidrs",
    "httpsPort",
    "kubeconfig",
    "kubeContext",
)
"""What an ephemeral stack takes over from its platform's."""


_CLASSES = {StorageBackend.EBS: EBS_STORAGE_CLASS, StorageBackend.EFS: EFS_STORAGE_CLASS}
"""The storage class that the platform's stack makes on AWS. A bucket has none."""


@dataclass(frozen=True, kw_only=True)
class Platform:
    """A stack that is up, and whose cluster, edge and issuer others may use."""

    stack: Stack
    backend: Backend
    outputs: dict[str, Any]

    @property
    def name(self) -> str:
        """Of the stack."""
        return self.stack.name

    @property
    def domain(self) -> str:
        """What the host names of its ephemeral stacks end with."""
        return self.stack.settings.domain

    @property
    def snapshot_driver(self) -> str | None:
        """The CSI driver that takes the platform's snapshots; None where there are none."""
        if self.stack.settings.snapshots is Snapshots.NONE:
            return None
        return EBS_DRIVER if self.stack.aws is not None else self.stack.settings.snapshot_driver

    def settings(self, name: str) -> dict[str, Any]:
        """The settings of the ephemeral stack `name`, but for its image's version and its end."""
        dumped = self.stack.settings.model_dump(mode="json", by_alias=True, exclude_none=True)
        shared = {key: dumped[key] for key in SHARED if dumped.get(key) not in (None, "", [], {})}
        if self.stack.aws is not None:
            shared["storageClass"] = _CLASSES[self.stack.aws.storage]
        return {
            **shared,
            "platform": self.name,
            "domain": f"{name}.{self.domain}",
            "namespace": namespace_of(name),
            "replicas": 1,
            "snapshots": Snapshots.NONE.value,
            **self._connection(),
        }

    def _connection(self) -> dict[str, Any]:
        server = self.outputs["cluster_server"]
        if self.outputs.get("kubeconfig"):
            return {"kubeconfig": self._kubeconfig_file(), "clusterServer": server}
        return {"clusterServer": server}

    def _kubeconfig_file(self) -> str:
        """Where the kubeconfig of a cluster is that the platform's stack has made; the same on every machine."""
        file = STATE / "ephemeral" / f"kubeconfig-{self.name}"
        write_kubeconfig(file, self.outputs["kubeconfig"])
        home = Path.home()
        return f"~/{file.relative_to(home)}" if file.is_relative_to(home) else str(file)


def write_kubeconfig(file: Path, text: object) -> None:
    """Writes a kubeconfig that others may be reading."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = file.with_name(f".{file.name}-{os.getpid()}-{threading.get_ident()}")
        new.touch(mode=0o600)
        new.write_text(str(text))
        new.replace(file)
    except OSError as error:
        raise OpsError(f"The kubeconfig {file} cannot be written: {error}") from None


def bring_kubeconfig(name: str, file: str, server: str | None) -> None:
    """Writes the kubeconfig of the cluster that stack `name` has made, where `file` does not lead to `server` yet.

    The stack's outputs are all that is asked: what could refuse a new trial keeps no old one alive.
    """
    try:
        there = find(file, None).server
    except NoCluster:
        there = None
    if there is None or (server is not None and there.rstrip("/") != server.rstrip("/")):
        outputs = _outputs(name, OwnBackend(name))
        if outputs.get("kubeconfig"):
            write_kubeconfig(Path(file).expanduser(), outputs["kubeconfig"])


def platform(name: str, cluster: str) -> Platform:
    """The platform of a stack that is up. Raises OpsError for one that no trial may be on."""
    for problem in platform_problems(name):
        raise OpsError(f"{' '.join(problem.lines)}")
    backend = _backend(name, cluster)
    stack = _settings(name, backend)
    if stack.settings.deletion_protection:
        raise OpsError(
            f"Stack {name} is protected (deletionProtection): nothing that comes and goes is put beside it. "
            "Name another."
        )
    if stack.aws is not None and stack.aws.storage is StorageBackend.S3:
        raise OpsError(
            f"Stack {name} keeps its outputs in a bucket, and a trial would need one of its own: name a platform with "
            "storage ebs or efs."
        )
    found = Platform(stack=stack, backend=backend, outputs=_outputs(name, backend))
    if not found.outputs.get("kubeconfig"):
        refuse_foreign(found)
    return found


def refuse_foreign(found: Platform) -> None:
    """Raises OpsError where the kubeconfig leads elsewhere than to the platform."""
    settings, server = found.stack.settings, found.outputs["cluster_server"]
    try:
        there = find(settings.kubeconfig, settings.kube_context)
    except NoCluster as missing:
        problem = missing.problem
        raise OpsError(f"{problem.key}: {problem.value or 'it'} {problem.why} {problem.instead}") from None
    if there.server.rstrip("/") != server.rstrip("/"):
        raise OpsError(
            f"The kubeconfig leads to {there.server} (context {there.context}), and stack {found.name} is at {server}: "
            "name the context that leads there."
        )


def _backend(name: str, cluster: str) -> Backend:
    if name != LOCAL:
        stack_file.path(CHECKOUT, name)
        return OwnBackend(name)
    workspace = embedded(cluster)
    if not workspace.exists:
        raise OpsError(f"make up has put nothing onto the embedded cluster {cluster} yet.")
    return workspace


def _settings(name: str, backend: Backend) -> Stack:
    if isinstance(backend, Workspace):
        return stack_file.read(
            CHECKOUT, name, None, **stack_file.keys(backend.config_file.read_text("utf-8"))
        )
    return stack_file.read(CHECKOUT, name)


def _outputs(name: str, backend: Backend) -> dict[str, Any]:
    shown = backend.run("stack", "output", "--json", "--show-secrets", capture=True).stdout
    outputs: dict[str, Any] = json.loads(shown)
    if not outputs.get("cluster_server"):
        raise OpsError(
            f"Stack {name} is not up: pulumi up --stack {name} (make up, for local) makes the platform."
        )
    return outputs
