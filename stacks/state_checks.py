"""What settings may not do to what a stack has already: its volumes, and the cluster that its objects are at."""

from collections.abc import Collection, Iterator, Mapping

from components.storage_backend import EBS_STORAGE_CLASS, EFS_STORAGE_CLASS, StorageBackend
from components.tts.rollout import OUTPUTS_CLAIM, WEIGHTS_CLAIM
from components.tts.snapshot_job.quantity import amount
from stacks.checks import Check, Context
from stacks.choices import Delivery
from stacks.problems import Problem
from stacks.settings import ExistingClaim

_LOST = "would delete the volume that is there, with everything in it"
_REPLACED = f"{_LOST}, to make another."


_SIZES = (
    (OUTPUTS_CLAIM, "outputs_size", "outputsSize"),
    (WEIGHTS_CLAIM, "weights_size", "weightsSize"),
)


def moved(now: str, recorded: str | None, named: str | None) -> Iterator[Problem]:
    """Refuses the server `now` of the kubeconfig where the objects are at another, `recorded`, or are said to be.

    Every object would be made anew there, and those at the other server would be forgotten.
    """
    if named is not None and named.rstrip("/") != now.rstrip("/"):
        yield Problem(
            key="clusterServer",
            value=named,
            why=f"is not the server that the kubeconfig leads to ({now}).",
            instead="Write the kubeconfig and kubeContext that lead there, or take clusterServer out.",
        )
    elif named is None and recorded is not None and recorded.rstrip("/") != now.rstrip("/"):
        yield Problem(
            key="clusterServer",
            value=None,
            why=f"is needed: this stack's objects are at {recorded}, and the kubeconfig leads to {now}.",
            instead=f"The same cluster at a new address: write clusterServer: {now}. "
            "Another cluster: destroy this stack first, or make a new one.",
        )


def resettled(
    now: Mapping[str, str], made: Mapping[str, str] | None, server: str | None
) -> Iterator[Problem]:
    """Refuses what would replace the cluster on AWS, with every object on it, or forget the objects at `server`."""
    if made is None:
        if server is not None:
            yield Problem(
                key="awsRegion",
                value=now["awsRegion"],
                why=f"makes a cluster, and this stack's objects are at {server}.",
                instead="Destroy this stack first, or make a new one.",
            )
        return
    for key, value in made.items():
        if now[key] != value:
            yield Problem(
                key=key,
                value=now[key] or None,
                why=f"cannot change without another cluster: this stack was made with {value or 'none'}.",
                instead=f"Write {key}: {f'[{value}]' if ', ' in value else value}."
                if value
                else f"Take {key} out.",
            )


def redelivered(
    now: Delivery, claims: Collection[str], applications: Collection[object]
) -> Iterator[Problem]:
    """Refuses another owner of the service: the one would delete it, its volumes too, while the other makes it."""
    made = Delivery.DIRECT if claims else Delivery.GITOPS if applications else now
    if made is not now:
        yield Problem(
            key="delivery",
            value=now.value,
            why=f"would delete the service that is there, with its volumes, and make it anew: it came by {made.value}.",
            instead=f"Write delivery: {made.value}. To change it, destroy the stack first.",
        )


def _volumes_do_not_shrink(context: Context) -> Iterator[Problem]:
    for claim, field, key in _SIZES:
        there, wanted = context.existing.get(claim), context.values.get(field)
        if there is not None and wanted is not None and _larger(there.size, wanted):
            yield Problem(
                key=key,
                value=wanted,
                why=f"is smaller than the volume that is there ({there.size}), and a volume cannot shrink.",
                instead=f"Write {there.size} or more.",
            )


def _weights_are_not_thrown_away(context: Context) -> Iterator[Problem]:
    there = context.existing.get(WEIGHTS_CLAIM)
    if there is not None and "weights_size" in context.values and context.values["weights_size"] is None:
        yield Problem(
            key="weightsSize",
            value=None,
            why=f"is not set, which {_LOST}.",
            instead=f"Write weightsSize: {there.size}. An engine that has no use for the volume leaves it alone.",
        )


def _namespace_stays(context: Context) -> Iterator[Problem]:
    wanted = context.values.get("namespace")
    homes = {there.namespace for there in context.existing.values()}
    if wanted is not None and homes - {wanted}:
        home = min(homes - {wanted})
        yield Problem(key="namespace", value=wanted, why=_REPLACED, instead=f"Write namespace: {home}.")


def _access_mode_stays(context: Context) -> Iterator[Problem]:
    wanted = context.values.get("access_mode")
    modes = {there.access_mode for there in context.existing.values()}
    if wanted is not None and modes - {wanted}:
        mode = min(modes - {wanted})
        yield Problem(
            key="accessMode", value=wanted.value, why=_REPLACED, instead=f"Write accessMode: {mode}."
        )


def _storage_class_stays(context: Context) -> Iterator[Problem]:
    if "storage_class" not in context.values or "storage" in context.values:
        return
    wanted = context.values["storage_class"]
    for there in context.existing.values():
        instead = _kept_class(there, wanted)
        if instead is not None:
            why = _REPLACED if wanted is not None else f"is not set, which {_REPLACED}"
            yield Problem(key="storageClass", value=wanted, why=why, instead=instead)
            return


def _storage_stays(context: Context) -> Iterator[Problem]:
    """On AWS the kind of storage decides the class, and with it whether the volumes stay."""
    wanted = context.values.get("storage")
    if wanted is None:
        return
    kinds = {
        EBS_STORAGE_CLASS: StorageBackend.EBS,
        EFS_STORAGE_CLASS: StorageBackend.EFS,
        # Bound to the volume of the bucket, and so of no class.
        "": StorageBackend.S3,
    }
    for there in context.existing.values():
        # A claim that does not say was made elsewhere, and its own check has a word on it.
        kind = None if there.asked_class is None else kinds.get(there.asked_class)
        if kind is not None and kind is not wanted:
            yield Problem(
                key="storage", value=wanted.value, why=_REPLACED, instead=f"Write storage: {kind.value}."
            )
            return


def _volumes_without_a_size_keep_their_claims(context: Context) -> Iterator[Problem]:
    storage = context.values.get("storage")
    if storage in (None, StorageBackend.EBS):
        return
    for claim, field, key in _SIZES:
        there, wanted = context.existing.get(claim), context.values.get(field)
        if there is not None and wanted is not None and _larger(wanted, there.size):
            yield Problem(
                key=key,
                value=wanted,
                why=f"is more than the claim asks for ({there.size}), which cannot change, and it limits nothing: "
                f"{storage.upper()} holds as much as is written.",
                instead=f"Write {there.size}.",
            )


def _larger(one: str, other: str) -> bool:
    first, second = amount(one), amount(other)
    return first is not None and second is not None and first > second


def _kept_class(there: ExistingClaim, wanted: str | None) -> str | None:
    """What to write so that the claim stays; None where it does."""
    if there.asked_class is None:
        # Only the class that the cluster gave is known, so only one that is asked for can be told to differ.
        if wanted is None or wanted == there.storage_class:
            return None
        return f"Write storageClass: {there.storage_class}, or take storageClass out."
    if (wanted or "") == there.asked_class:
        return None
    # Even the default class by its name is another request than none, and a claim's request cannot change.
    return f"Write storageClass: {there.asked_class}." if there.asked_class else "Take storageClass out."


STATE_CHECKS: tuple[Check, ...] = (
    _volumes_do_not_shrink,
    _weights_are_not_thrown_away,
    _namespace_stays,
    _access_mode_stays,
    _storage_class_stays,
    _storage_stays,
    _volumes_without_a_size_keep_their_claims,
)
