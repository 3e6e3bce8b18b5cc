"""The VolumeSnapshots that one snapshot is made of, with all that is to be known of it later written on each."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from components.tts.snapshot_job import names
from components.tts.snapshot_job.names import Object, Reason
from components.tts.snapshot_job.running import Running


@dataclass(frozen=True, kw_only=True)
class Place:
    """Whose snapshots they are."""

    namespace: str
    stack: str
    engine: str
    snapshot_class: str
    deployment: str
    kept: int
    seconds: float
    """How long one may take until it is ready."""

    job: str = ""
    """The Job that this is a run of, and the uid of that; empty where it is none."""

    job_uid: str = ""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is to be taken, and why."""

    base: str
    """Its name, if that is free."""

    reason: Reason
    claims: Mapping[str, str]
    """By volume."""

    why: str = ""
    by: str = ""


def volume_snapshots(
    place: Place, found: Running, wish: Wish, *, name: str, run: str, now: datetime
) -> list[Object]:
    """One for each claim."""
    labels = {
        names.SNAPSHOT: name,
        names.STACK: place.stack,
        names.ENGINE: found.engine or place.engine,
        names.VERSION: names.version(found.image),
        names.REASON: wish.reason.value,
    }
    annotations = {
        names.TAKEN: names.time_text(now),
        names.IMAGE: found.image,
        names.IMAGE_ID: found.image_id,
        names.SETTINGS: found.settings,
        names.VOLUMES: ",".join(sorted(wish.claims)),
        names.RUN: run,
        names.SECONDS: f"{place.seconds:.0f}",
        names.WHY: wish.why,
        names.BY: wish.by,
    }
    said = {key: text for key, text in annotations.items() if text}
    return [
        {
            "apiVersion": f"{names.API_GROUP}/{names.API_VERSION}",
            "kind": "VolumeSnapshot",
            "metadata": {
                "name": names.object_name(name, volume),
                "namespace": place.namespace,
                "labels": labels | {names.VOLUME: volume},
                "annotations": said | {names.CLAIM: claim},
            },
            "spec": {
                "volumeSnapshotClassName": place.snapshot_class,
                "source": {"persistentVolumeClaimName": claim},
            },
        }
        for volume, claim in wish.claims.items()
    ]
