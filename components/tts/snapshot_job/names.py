"""What a snapshot is called, what is written on it, and when it is a good one.

A snapshot, for people, is a set: one VolumeSnapshot for each volume that the service has, taken together.
"""

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

Object = dict[str, Any]

API_GROUP: Final = "snapshot.storage.k8s.io"
API_VERSION: Final = "v1"

VOLUME_NAMES: Final = ("outputs", "weights")
"""The volumes of a speech pod that hold data."""

# Labels.
SNAPSHOT: Final = "tts-platform/snapshot"
VOLUME: Final = "tts-platform/volume"
STACK: Final = "tts-platform/stack"
ENGINE: Final = "tts-platform/engine"
VERSION: Final = "tts-platform/version"
REASON: Final = "tts-platform/reason"
KEEP: Final = "keep"
"""On a pinned one, with the value below."""

KEPT: Final = "true"

# Annotations.
TAKEN: Final = "tts-platform/taken"
IMAGE: Final = "tts-platform/image"
IMAGE_ID: Final = "tts-platform/image-id"
SETTINGS: Final = "tts-platform/settings"
CLAIM: Final = "tts-platform/claim"
WHY: Final = "tts-platform/why"
BY: Final = "tts-platform/by"
VOLUMES: Final = "tts-platform/volumes"
"""All volumes that the set is to have: a taker that was killed half-way leaves some of them out."""

RUN: Final = "tts-platform/run"
"""Which run of the program made it."""

SECONDS: Final = "tts-platform/seconds"
"""How long its taker waits for it."""

CRON_JOB: Final = "snapshots"
"""What takes one a day."""

PATIENCE: Final = timedelta(hours=1)
"""What is not ready by then has failed, where nobody wrote down how long its taker waits."""

_WAITS: Final = 2
"""Who waits in vain leaves it to the storage, and the next try of the same waits once more."""

LONGEST: Final = 54
"""So that a VolumeSnapshot's name and a label's value, which are this and a volume's name, fit 63 characters."""

_LONGEST_LABEL: Final = 63
_LONGEST_BASE: Final = LONGEST - len("-99")
_LONGEST_ENGINE: Final = 20


class Reason(StrEnum):
    """Why a snapshot was taken."""

    SCHEDULED = "scheduled"
    PRE_UPGRADE = "pre-upgrade"
    BY_HAND = "by-hand"


class State(StrEnum):
    """What became of a snapshot."""

    GOOD = "good"
    FAILED = "failed"
    UNDER_WAY = "under way"


def patience(seconds: float) -> timedelta:
    """What is not ready by then has failed, where each taker waits for `seconds`."""
    return _WAITS * timedelta(seconds=seconds)


def version(image: str) -> str:
    """An image's tag, or the beginning of its digest, as a label's value and a piece of a name."""
    reference, _, digest = image.partition("@")
    _, _, tag = reference.rpartition("/")[2].partition(":")
    if tag:
        # v1.4.2 and 1.4.2 are one version.
        return _short(_piece(re.sub(r"^v(?=\d)", "", tag)), _LONGEST_LABEL)
    algorithm, _, digits = digest.partition(":")
    return _piece(f"{algorithm}-{digits[:12]}") if digits else "unknown"


def dated_name(engine: str, version: str, now: datetime) -> str:
    """Of a scheduled one, and of one taken by hand: names of one version sort by time."""
    stamp = now.astimezone(UTC).strftime("%Y%m%d-%H%M")
    front = f"{_short(_piece(engine), _LONGEST_ENGINE)}-{'v' if version[:1].isdigit() else ''}"
    return f"{front}{_short(version, _LONGEST_BASE - len(front) - len(stamp) - 1)}-{stamp}"


def pre_upgrade_name(version: str) -> str:
    """Of one taken before `version` starts."""
    front = f"{Reason.PRE_UPGRADE}-"
    return front + _short(version, _LONGEST_BASE - len(front))


def free_name(base: str, taken: Collection[str]) -> str:
    """`base`, or the first of base-2, base-3, ... that is not taken."""
    number, name = 1, base
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    return name


def object_name(snapshot: str, volume: str) -> str:
    """Of a snapshot's VolumeSnapshot of one volume."""
    return f"{snapshot}-{volume}"


def names_taken(objects: Iterable[Object]) -> set[str]:
    """The snapshots whose VolumeSnapshots' names are not free, whoever made them."""
    pattern = re.compile(rf"(.+)-(?:{'|'.join(VOLUME_NAMES)})")
    found = (pattern.fullmatch(item["metadata"]["name"]) for item in objects)
    return {match[1] for match in found if match}


@dataclass(frozen=True)
class SnapshotSet:
    """One snapshot, for people."""

    name: str
    objects: Mapping[str, Object]
    """Its VolumeSnapshots, as the API gives them, by volume."""

    @property
    def stack(self) -> str:
        """Whose it is."""
        return self._label(STACK)

    @property
    def engine(self) -> str:
        """Which engine ran."""
        return self._label(ENGINE)

    @property
    def version(self) -> str:
        """Of the image that ran."""
        return self._label(VERSION)

    @property
    def reason(self) -> str:
        """Why it was taken: a Reason, if this program took it."""
        return self._label(REASON)

    @property
    def image(self) -> str:
        """What ran, as its settings had it."""
        return self._annotation(IMAGE)

    @property
    def image_id(self) -> str:
        """What ran, by its digest."""
        return self._annotation(IMAGE_ID)

    @property
    def settings(self) -> str:
        """What it ran with, as JSON; empty where nobody wrote it down."""
        return self._annotation(SETTINGS)

    @property
    def why(self) -> str:
        """In the words of who asked."""
        return self._annotation(WHY)

    @property
    def by(self) -> str:
        """Who asked."""
        return self._annotation(BY)

    @property
    def taken(self) -> datetime:
        """When the first of its volumes was asked for."""
        return min(_taken(item) for item in self.objects.values())

    @property
    def patience(self) -> timedelta:
        """What is not ready by then has failed."""
        seconds = self._annotation(SECONDS)
        # Nine digits: a person may have written anything there.
        if not re.fullmatch(r"[1-9]\d{0,8}", seconds):
            return PATIENCE
        return patience(int(seconds))

    @property
    def complete(self) -> bool:
        """Whether all of its volumes have been asked for, and none is being deleted."""
        return self.volumes == tuple(self.objects) and not self.leaving

    @property
    def pinned(self) -> bool:
        """Whether a person wants it kept. One volume that is pinned keeps the others."""
        return any(_labels(item).get(KEEP) == KEPT for item in self.objects.values())

    @property
    def volumes(self) -> tuple[str, ...]:
        """All volumes that it is to have."""
        wanted = {name for name in self._annotation(VOLUMES).split(",") if name}
        return tuple(sorted(wanted | self.objects.keys()))

    @property
    def claims(self) -> dict[str, str]:
        """What it was taken of: claims by volume."""
        return {volume: _annotations(item).get(CLAIM, "") for volume, item in self.objects.items()}

    @property
    def not_ready(self) -> tuple[str, ...]:
        """Its volumes that nothing can be restored from yet."""
        return tuple(volume for volume in self.volumes if not self._is_ready(volume))

    @property
    def errors(self) -> tuple[str, ...]:
        """What the storage says of those that it has not cut yet, a line each."""
        # An error stands on beside what was cut after it, until that is ready, hours later perhaps
        # (https://github.com/kubernetes-csi/external-snapshotter/blob/v8.7.0/pkg/sidecar-controller/snapshot_controller.go).
        return self._said(lambda status: "creationTime" not in status)

    @property
    def leaving(self) -> bool:
        """Whether any of it is being deleted."""
        return any("deletionTimestamp" in item["metadata"] for item in self.objects.values())

    def state(self, now: datetime, at_least: timedelta = timedelta()) -> State:
        """What became of it. It has its own patience, or `at_least` that."""
        if self.leaving or self.errors:
            return State.FAILED
        if not self.not_ready:
            return State.GOOD
        return State.UNDER_WAY if now - self.taken < max(self.patience, at_least) else State.FAILED

    def problem(self, now: datetime) -> str:
        """Why it is not a good one; empty when it is."""
        if self.state(now) is State.GOOD:
            return ""
        if self.leaving:
            return "it is being deleted"
        waits = " and ".join(self.not_ready)
        said = "; ".join(self._said(lambda _: True))
        return said or f"{waits} not ready since {self.taken:%Y-%m-%d %H:%M} UTC"

    def _said(self, which: Callable[[Object], bool]) -> tuple[str, ...]:
        return tuple(
            f"{volume}: {_line((_status(item)['error'] or {}).get('message') or 'no reason given')}"
            for volume, item in self.objects.items()
            if _status(item).get("error") and not self._is_ready(volume) and which(_status(item))
        )

    def _is_ready(self, volume: str) -> bool:
        return volume in self.objects and _status(self.objects[volume]).get("readyToUse") is True

    def _label(self, key: str) -> str:
        return _labels(next(iter(self.objects.values()))).get(key, "")

    def _annotation(self, key: str) -> str:
        return _annotations(next(iter(self.objects.values()))).get(key, "")


def sets(objects: Iterable[Object], stack: str | None = None) -> list[SnapshotSet]:
    """The snapshots that VolumeSnapshots make up, newest first; of one stack, or of all."""
    found: dict[tuple[str, str], dict[str, Object]] = {}
    for item in objects:
        labels = _labels(item)
        if SNAPSHOT in labels and VOLUME in labels and stack in (None, labels.get(STACK)):
            found.setdefault((labels.get(STACK, ""), labels[SNAPSHOT]), {})[labels[VOLUME]] = item
    made = [SnapshotSet(name, dict(sorted(items.items()))) for (_, name), items in found.items()]
    return sorted(made, key=lambda one: (one.taken, one.name), reverse=True)


def time_text(moment: datetime) -> str:
    """RFC 3339, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _taken(item: Object) -> datetime:
    for text in (_annotations(item).get(TAKEN), item["metadata"].get("creationTimestamp")):
        try:
            moment = datetime.fromisoformat(text or "")
        except ValueError:
            # A person may have written anything there.
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return datetime.min.replace(tzinfo=UTC)


def _labels(item: Object) -> dict[str, str]:
    return item["metadata"].get("labels") or {}


def _annotations(item: Object) -> dict[str, str]:
    return item["metadata"].get("annotations") or {}


def _status(item: Object) -> Object:
    return item.get("status") or {}


def _line(text: str) -> str:
    return " ".join(text.split())


def _piece(text: str) -> str:
    dashed = re.sub(r"[^a-z0-9.]+", "-", text.lower())
    # Between two dots is a label of its own, which neither begins nor ends with a dash.
    return re.sub(r"-*\.[-.]*", ".", dashed).strip("-.") or "unknown"


def _short(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    # What is cut off would make two versions one.
    checksum = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{text[: longest - len(checksum) - 1].strip('-.')}-{checksum}"
