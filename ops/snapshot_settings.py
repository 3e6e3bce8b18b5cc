"""What a stack's settings say about its snapshots, and how other settings reach its cluster."""

from __future__ import annotations

from typing import Final

from components.storage_backend import StorageBackend
from ops import stack_file
from ops.own_state import LOCAL
from ops.workspace import CHECKOUT, OwnBackend, Workspace
from stacks.choices import Snapshots
from stacks.problems import SettingsError


def how_to_have_them(stack: str) -> str:
    """What brings snapshots to a stack whose storage can take them."""
    if stack == LOCAL:
        return "set snapshots: csi, then make up"
    return f"set snapshots: csi in Pulumi.{stack}.yaml, then {how_to_bring(stack)}"


def how_to_bring(stack: str) -> str:
    """How what is written into a stack's settings gets onto its cluster."""
    if stack == LOCAL:
        return "make up"
    return f"pulumi up --stack {stack} (where Argo CD delivers it, make render STACK={stack} too, and push a commit)"


def why_none(backend: Workspace | OwnBackend) -> str | None:
    """Why a stack has no snapshots, by its settings, and what it has instead; None where it is to have some."""
    stack = backend.stack
    if isinstance(backend, Workspace):
        written = stack_file.keys(backend.config_file.read_text(encoding="utf-8"))
        none, instead = written.get("snapshots") == Snapshots.NONE, ""
    else:
        try:
            found = stack_file.read(CHECKOUT, stack)
        except SettingsError:
            # What the cluster has can be looked at all the same.
            return None
        none = found.settings.snapshots is Snapshots.NONE
        instead = _INSTEAD.get(found.aws.storage, "") if found.aws else ""
    if not none:
        return None
    return f"Stack {stack} takes no snapshots: {instead or how_to_have_them(stack)}."


_INSTEAD: Final = {
    StorageBackend.EFS: "its volumes are on EFS, which has none. AWS Backup keeps one of each of the last 35 days: "
    "docs/snapshots.md says how to get one back",
    StorageBackend.S3: "its outputs are in an S3 bucket, which keeps each file's earlier versions for 30 days: "
    "docs/snapshots.md says how to get one back",
}
