"""A stack's speech service as manifests, made by its components in the real engine, without a cluster or an account."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import automation

from components.issuer import issuer_name
from components.tts.service import TtsService
from ops import interrupts, manifests, own_state, stack_file
from ops.errors import OpsError
from ops.manifests import Manifests, Object
from ops.workspace import pulumi as pulumi_cli
from stacks import arguments
from stacks.choices import Delivery
from stacks.problems import NAMESPACE
from stacks.settings import Stack


def render(root: Path, name: str) -> Manifests:
    """The manifests of a stack of the checkout at `root`; nothing is written yet."""
    there = Manifests(root=root, stack=name)
    # Pulumi's state knows nothing of what Argo CD applies: the claims that there are, are those of the last manifests.
    stack = stack_file.read(root, name, there.claims())
    manifests.refuse_direct(stack)
    wanted = manifests.files(name, objects(stack), keep_data=stack.settings.deletion_protection)
    return Manifests(root=root, stack=name, wanted=wanted)


def delivered(root: Path) -> list[str]:
    """Names of the checkout's stacks that Argo CD delivers."""
    return [
        name
        for name in stack_file.names(root)
        if stack_file.read(root, name).settings.delivery is Delivery.GITOPS
    ]


def objects(stack: Stack) -> list[Object]:
    """Every object in the service's namespace."""
    pulumi_cli(f"run make render STACK={stack.name}, or put the Pulumi CLI on PATH")
    # Some plugin may still write while it is taken away.
    with tempfile.TemporaryDirectory(prefix="tts-platform-render-", ignore_cleanup_errors=True) as scratch:
        directory = Path(scratch)
        for part in ("state", "rendered"):
            (directory / part).mkdir()
        _up(directory, stack.name, _program(stack, directory / "rendered"))
        written = sorted((directory / "rendered").rglob("*.yaml"))
        found = [manifests.parsed(file.read_text(encoding="utf-8")) for file in written]
        # Whoever may change one namespace of a cluster by a commit may change any: it stays Pulumi's.
        return [item for item in found if item["kind"] != "Namespace"]


def _program(stack: Stack, directory: Path) -> Callable[[], None]:
    issuer = issuer_name(arguments.issuer(stack))
    args = arguments.tts_service(stack, issuer, arguments.provisioning(stack))

    def program() -> None:
        files = kubernetes.Provider("files", render_yaml_to_directory=str(directory))
        TtsService("tts", args, pulumi.ResourceOptions(providers=[files]))

    return program


def _up(directory: Path, name: str, program: Callable[[], None]) -> None:
    """Runs the program to its end, with a state that is thrown away."""
    options = automation.LocalWorkspaceOptions(
        work_dir=str(directory),
        env_vars={
            # Whatever the stack: its program here makes objects of Kubernetes alone.
            **own_state.environment(directory / "state", aws=False),
            # Of a state without a secret in it.
            "PULUMI_CONFIG_PASSPHRASE": "",
        },
    )
    try:
        with interrupts.left_to_the_child():
            automation.create_stack(name, project_name=NAMESPACE, program=program, opts=options).up()
    except automation.CommandError as error:
        said = [line.strip() for line in str(error).splitlines() if "error:" in line]
        raise OpsError(f"pulumi cannot render stack {name}: {said[0] if said else error}") from None
