"""What the pods to come mount, and whether what is to be restored for them can be."""

from collections.abc import Mapping
from dataclasses import dataclass

from components.tts.snapshot_job.api import Api
from components.tts.snapshot_job.names import STACK, Object, object_name


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The claims of the pods to come."""

    claims: Mapping[str, str]
    """By volume."""

    restore: str = ""
    """The setting `restoreFrom`; empty restores nothing."""

    @property
    def snapshot(self) -> str:
        """Where the claims come from: `restoreFrom` without the number of a further restore."""
        return self.restore.partition("@")[0]


def parse(claims: str, restore: str = "") -> Wanted:
    """From `outputs=outputs-x,weights=weights-x`. Raises ValueError where that is something else."""
    pairs = [piece.partition("=") for piece in claims.split(",")]
    if not all(volume and claim for volume, _, claim in pairs):
        raise ValueError(f"CLAIMS is {claims!r}, and not volume=claim,volume=claim")
    return Wanted(claims={volume: claim for volume, _, claim in pairs}, restore=restore)


def refusals(api: Api, wanted: Wanted, stack: str) -> list[str]:
    """Why the claims that are not there cannot be made, a line each. One that is there is not made again."""
    if not wanted.snapshot:
        return []
    there = {item["metadata"]["name"] for item in api.claims()}
    return [
        problem
        for volume, claim in wanted.claims.items()
        if claim not in there
        for problem in problems(
            wanted.restore, volume, stack, api.snapshot(object_name(wanted.snapshot, volume))
        )
    ]


def problems(restore: str, volume: str, stack: str, found: Object | None) -> list[str]:
    """What keeps a volume from being made from `found`, its VolumeSnapshot, each in one line that says what to do."""
    key = f"tts-platform:restoreFrom: {restore}"
    if found is None:
        return [f"{key} has no {volume} to restore: write a snapshot that the list of snapshots shows."]
    metadata, status = found.get("metadata") or {}, found.get("status") or {}
    owner = (metadata.get("labels") or {}).get(STACK)
    if owner != stack:
        return [f"{key} is of stack {owner or 'nobody'}: write a snapshot of stack {stack}."]
    if "deletionTimestamp" in metadata:
        return [f"{key} is being deleted: write another one."]
    if status.get("readyToUse") is not True:
        said = (status.get("error") or {}).get("message") or "its storage has not said why"
        return [f"{key} is not ready ({' '.join(said.split())}): wait until it is, or write another one."]
    return []
