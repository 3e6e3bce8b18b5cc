"""What the pods to come mount, and whether what is to be restored for them can be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from components.tts.snapshot_job.names import STACK, Object, object_name
from components.tts.snapshot_job.quantity import amount

if TYPE_CHECKING:
    # The program of the stack reads this too, and asks by itself.
    from components.tts.snapshot_job.api import Api


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The claims of the pods to come."""

    claims: Mapping[str, str]
    """By volume."""

    restore: str = ""
    """The setting `restoreFrom`; empty restores nothing."""

    sizes: Mapping[str, str] = field(default_factory=dict)
    """What is asked for each volume, as Kubernetes writes it."""

    @property
    def snapshot(self) -> str:
        """Where the claims come from: `restoreFrom` without the number of a further restore."""
        return self.restore.partition("@")[0]


def parse(claims: str, restore: str = "", sizes: str = "") -> Wanted:
    """From `outputs=outputs-x,weights=weights-x`. Raises ValueError where that is something else."""
    return Wanted(
        claims=_pairs("CLAIMS", claims), restore=restore, sizes=_pairs("SIZES", sizes) if sizes else {}
    )


def listed(pairs: Mapping[str, str]) -> str:
    """What `parse` reads."""
    return ",".join(f"{key}={value}" for key, value in pairs.items())


def _pairs(name: str, text: str) -> dict[str, str]:
    pairs = [piece.partition("=") for piece in text.split(",")]
    if not all(volume and value for volume, _, value in pairs):
        raise ValueError(f"{name} is {text!r}, and not volume=value,volume=value")
    return {volume: value for volume, _, value in pairs}


def refusal(api: Api, wanted: Wanted, stack: str) -> str | None:
    """Why a claim that has no volume cannot be made, in one line. One that has a volume is not made again."""
    if not wanted.snapshot:
        return None
    there = {item["metadata"]["name"]: item for item in api.claims()}
    for volume, claim in wanted.claims.items():
        look = partial(api.snapshot, object_name(wanted.snapshot, volume))
        size = wanted.sizes.get(volume, "")
        problem = problem_of(wanted.restore, volume, stack, size, there.get(claim), look)
        if problem is not None:
            return problem
    return None


def problem_of(
    restore: str, volume: str, stack: str, size: str, claim: Object | None, look: Callable[[], Object | None]
) -> str | None:
    """What keeps a volume from being made from its VolumeSnapshot, in one line that says what to do.

    `size` is what is asked for it; `claim` is the restored one, where it is there already; `look` reads the
    VolumeSnapshot.
    """
    key = f"tts-platform:restoreFrom: {restore}"
    if claim is not None:
        if "deletionTimestamp" in claim["metadata"]:
            name = claim["metadata"]["name"]
            return f"{key}: claim {name} is being deleted: wait until it is gone, or restore anew."
        if (claim.get("status") or {}).get("phase") == "Bound":
            return None
    found = look()
    if found is None:
        return f"{key} has no {volume} to restore: write a snapshot that the list of snapshots shows."
    metadata, status = found.get("metadata") or {}, found.get("status") or {}
    owner = (metadata.get("labels") or {}).get(STACK)
    if owner != stack:
        return f"{key} is of stack {owner or 'nobody'}: write a snapshot of stack {stack}."
    if "deletionTimestamp" in metadata:
        return f"{key} is being deleted: write another one."
    if status.get("readyToUse") is not True:
        said = (status.get("error") or {}).get("message") or "its storage has not said why"
        return f"{key} is not ready ({' '.join(said.split())}): wait until it is, or write another one."
    needed = status.get("restoreSize") or ""
    least, asked = amount(needed), amount(size)
    if least is not None and asked is not None and least > asked:
        return f"{key} needs {needed} for {volume}, and {volume}Size is {size}: set it to {needed} or more."
    return None
