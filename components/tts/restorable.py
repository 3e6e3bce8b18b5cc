"""Whether a volume can be made from a snapshot, asked before a claim is: a claim that cannot be made waits for ever."""

from collections.abc import Mapping
from typing import Any

import pulumi

from components.tts.snapshot_job.names import STACK, object_name
from components.upstream.install import PROVIDER_VERSION


def restorable(
    name: str,
    *,
    namespace: pulumi.Input[str],
    snapshot: str,
    volume: str,
    stack: str,
    parent: pulumi.Resource,
) -> pulumi.Output[str]:
    """Name of the VolumeSnapshot of one volume, once it is seen to be ready and of this stack.

    Fails the preview or the update in one line otherwise, and with it every claim that is to be made from it.
    """
    wanted = object_name(snapshot, volume)
    found = pulumi.CustomResource(
        "kubernetes:snapshot.storage.k8s.io/v1:VolumeSnapshot",
        name,
        # Read and not made: the names are those of what is wanted back.
        {"metadata": None, "status": None},
        pulumi.ResourceOptions(
            parent=parent, version=PROVIDER_VERSION, id=pulumi.Output.concat(namespace, "/", wanted)
        ),
    )

    def checked(seen: list[Any]) -> str:
        for problem in problems(snapshot, stack, metadata=seen[0] or {}, status=seen[1] or {}):
            raise pulumi.RunError(problem)
        return wanted

    return pulumi.Output.all(getattr(found, "metadata"), getattr(found, "status")).apply(checked)  # noqa: B009


def problems(snapshot: str, stack: str, metadata: Mapping[str, Any], status: Mapping[str, Any]) -> list[str]:
    """What keeps a VolumeSnapshot from being restored, each in one line that says what to do."""
    found = []
    key = f"tts-platform:restoreFrom: {snapshot}"
    owner = (metadata.get("labels") or {}).get(STACK)
    if owner != stack:
        found.append(f"{key} is of stack {owner or 'nobody'}: write a snapshot of stack {stack}.")
    if status.get("readyToUse") is not True:
        said = (status.get("error") or {}).get("message", "its storage has not said why")
        found.append(f"{key} is not ready ({said}): wait until it is, or write another one.")
    return found
