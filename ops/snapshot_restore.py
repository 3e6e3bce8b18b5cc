"""A restore: what it would do, and the settings that do it.

Refuses, before anything is changed, what could not end well: a snapshot that is not there, not good, of another stack,
without a volume that the service mounts, or larger than the volumes are set to be. The claims that there are stay.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from components.tts.restore import Restore
from components.tts.rollout import OUTPUTS_CLAIM, WEIGHTS_CLAIM
from components.tts.snapshot_job.names import SnapshotSet, State
from components.tts.snapshot_job.quantity import amount
from ops.audit import Note, note_done
from ops.errors import OpsError
from ops.own_state import LOCAL
from ops.snapshot_cluster import Backend, StackCluster
from ops.snapshot_settings import how_to_bring
from ops.workspace import OwnBackend

RESTORE_FROM: Final = "restoreFrom"

_SIZES: Final = {OUTPUTS_CLAIM: "outputsSize", WEIGHTS_CLAIM: "weightsSize"}

_MOST: Final = 10_000
"""Restores of one snapshot that a name can tell apart."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One restore."""

    stack: str
    snapshot: str
    taken: datetime
    restore: Restore
    mounted: Mapping[str, str]
    """The claims that the service mounts, by volume. They stay."""

    claims: tuple[str, ...]
    """The ones that it gets."""

    settings: Mapping[str, Any]
    """Keys that change; None takes one out."""

    before: Mapping[str, Any]
    """The same keys, as they are."""

    image: str
    """What runs."""

    taken_with: str
    """What ran when the snapshot was taken."""

    image_id: str
    """The same by its digest, as far as the node knew one."""

    in_place: bool
    """Whether the old pod goes before the new one is there."""

    pinned: bool = field(compare=False)
    """Whether a person keeps the snapshot."""


def plan(cluster: StackCluster, settings: Mapping[str, Any], name: str, *, with_image: bool) -> Plan:
    """What restoring a snapshot would do, by the stack's settings. Raises OpsError where it could not end well."""
    claims = cluster.claims()
    _refuse_gone(cluster, name, claims)
    snapshot = cluster.snapshot(name)
    _refuse_bad(snapshot, datetime.now(UTC))
    mounted = cluster.mounted()
    volumes = tuple(mounted) or tuple(volume for volume, key in _SIZES.items() if settings.get(key))
    _refuse_other_volumes(snapshot, volumes)
    _refuse_too_big(snapshot, volumes, settings)
    restore = _free(name, volumes, claims)
    wanted = {RESTORE_FROM: str(restore), **(_environment(snapshot) if with_image else {})}
    changes = {
        key: value
        for key, value in wanted.items()
        if key == RESTORE_FROM or _plain(value) != _plain(settings.get(key))
    }
    return Plan(
        stack=cluster.stack,
        snapshot=name,
        taken=snapshot.taken,
        restore=restore,
        mounted=mounted,
        claims=tuple(restore.claim(volume) for volume in volumes),
        settings=changes,
        before={key: settings.get(key) for key in changes},
        image=str(settings.get("image", "")),
        taken_with=snapshot.image,
        image_id=snapshot.image_id,
        in_place=cluster.in_place(),
        pinned=snapshot.pinned,
    )


def _refuse_gone(cluster: StackCluster, name: str, claims: Collection[str]) -> None:
    """What was made of a snapshot outlives it, and is had again by the setting alone."""
    if any(item.name == name for item in cluster.snapshots()):
        return
    restores = (Restore(snapshot=name, number=number) for number in range(1, _MOST))
    made = [restore for restore in restores if restore.claim(OUTPUTS_CLAIM) in claims]
    if made:
        first = made[0]
        others = "".join(f", {restore.claim(OUTPUTS_CLAIM)} by {restore}" for restore in made[1:])
        raise OpsError(
            f"Snapshot {name} is gone, and nothing new can be made from it. The volume that was made from it, "
            f"{first.claim(OUTPUTS_CLAIM)}, is there: to serve it as it was left, write "
            f"tts-platform:{RESTORE_FROM}: {first} into Pulumi.{cluster.stack}.yaml{others and f' ({others[2:]})'}, "
            f"then {how_to_bring(cluster.stack)}."
        )


def _refuse_bad(snapshot: SnapshotSet, now: datetime) -> None:
    state = snapshot.state(now)
    if state is State.UNDER_WAY:
        raise OpsError(f"Snapshot {snapshot.name} is still being taken: wait until it is ready.")
    if state is State.FAILED:
        raise OpsError(f"Snapshot {snapshot.name} is no good ({snapshot.problem(now)}): choose another.")


def _refuse_other_volumes(snapshot: SnapshotSet, volumes: tuple[str, ...]) -> None:
    missing = [volume for volume in volumes if volume not in snapshot.objects]
    if missing:
        there, lacks = ", ".join(snapshot.objects), ", ".join(missing)
        raise OpsError(
            f"Snapshot {snapshot.name} has {there} and not {lacks}, which the service mounts: choose another."
        )


def _refuse_too_big(snapshot: SnapshotSet, volumes: tuple[str, ...], settings: Mapping[str, Any]) -> None:
    for volume in volumes:
        key, needed = _SIZES[volume], restore_size(snapshot, volume)
        asked, least = amount(str(settings.get(key, ""))), amount(needed or "")
        if asked is not None and least is not None and least > asked:
            raise OpsError(
                f"Snapshot {snapshot.name} needs {needed} for {volume}, and {key} is {settings[key]}: "
                f"set {key} to {needed} or more first."
            )


def restore_size(snapshot: SnapshotSet, volume: str) -> str | None:
    """How much a volume made from the snapshot takes at least; None where nobody knows yet."""
    status = (snapshot.objects.get(volume) or {}).get("status") or {}
    size: str | None = status.get("restoreSize")
    return size


def _free(name: str, volumes: tuple[str, ...], claims: set[str]) -> Restore:
    """The first restore of the snapshot whose claims are not there: one that is has been written to since."""
    number = 1
    while any(Restore(snapshot=name, number=number).claim(volume) in claims for volume in volumes):
        number += 1
    return Restore(snapshot=name, number=number)


def _environment(snapshot: SnapshotSet) -> dict[str, Any]:
    try:
        recorded = json.loads(snapshot.settings)
        image = recorded["image"]
    except (ValueError, KeyError, TypeError):
        ran = f" It ran {snapshot.image}." if snapshot.image else ""
        raise OpsError(
            f"Snapshot {snapshot.name} has no settings recorded: restore without WITH_IMAGE.{ran}"
        ) from None
    # Slow to import, and only this needs it.
    from stacks.arguments import ENVIRONMENT

    return {**{key: recorded.get(key) for key in ENVIRONMENT}, "image": image}


def _plain(value: Any) -> Any:
    """A value as the program reads it, which makes no difference between 3 and "3", or between nothing and not set."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()} or None
    if isinstance(value, list):
        return [_plain(item) for item in value] or None
    if isinstance(value, bool):
        return str(value).lower()
    return None if value in (None, "") else str(value)


def apply(cluster: StackCluster, backend: Backend, chosen: Plan, note: Note, *, ask: bool) -> None:
    """Restores with `pulumi up`. Where that fails, the settings are as they were and a further try starts clean.

    With `ask`, Pulumi shows a stack of a login first, and asks: a person's checkout may bring more than the restore.
    """
    note("restore asked")
    asks = ask and isinstance(backend, OwnBackend)
    try:
        with _settled(backend, chosen.settings):
            backend.run("up", *(() if asks else ("--yes", "--skip-preview")))
    except OpsError as error:
        message = f"{error} {_still(cluster, chosen)} The settings are as they were."
        with suppress(OpsError):
            note(f"failed: {error}")
        raise OpsError(message) from None
    except BaseException:
        with suppress(OpsError):
            note("failed: interrupted")
        raise
    note_done(note, "restored", "It is restored.")


@contextmanager
def _settled(backend: Backend, settings: Mapping[str, Any]) -> Iterator[None]:
    """Other settings while the block runs, and afterwards too unless it fails."""
    before = {file: file.read_bytes() if file.exists() else None for file in backend.settings_files}
    try:
        backend.settle(settings)
        yield
    except BaseException:
        for file, content in before.items():
            if content is None:
                file.unlink(missing_ok=True)
            else:
                file.write_bytes(content)
        raise


def _still(cluster: StackCluster, chosen: Plan) -> str:
    """What the service does after a failure, as far as the cluster says."""
    from kubernetes.client.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    old = sorted(chosen.mounted.values())
    try:
        serving = cluster.serving()
    except (ApiException, HTTPError):
        return f"The cluster does not say what serves; {', '.join(old) or 'every claim'} stays untouched."
    if serving & {*old}:
        return f"The old volumes still serve ({', '.join(old)})."
    return (
        f"No pod serves the old volumes now ({', '.join(old)}), and they are whole: {again(chosen.stack)} brings "
        "them back."
    )


def again(stack: str) -> str:
    """What brings a stack that Pulumi delivers to its settings."""
    return "make up" if stack == LOCAL else f"pulumi up --stack {stack}"
