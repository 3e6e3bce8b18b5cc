"""The speech service's persistent storage: what it has spoken, and the weights that it downloaded.

A claim grows in place and never shrinks; the settings refuse a smaller size before anything is changed. A restore makes
further claims beside the first ones, which stay, and no claim that was restored goes when nobody names it any more:
what was written since is in no snapshot.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from components.tts.restorable import Asked, restorable
from components.tts.restore import Restore
from components.tts.rollout import ASKED_CLASS, OUTPUTS_CLAIM, WEIGHTS_CLAIM
from components.tts.snapshot_job.names import API_GROUP, object_name


@dataclass(frozen=True, kw_only=True)
class Volume:
    """One claim's wishes."""

    size: str
    access_mode: str
    storage_class: pulumi.Input[str] | None = None
    """None is the cluster's default class."""

    volume_name: pulumi.Input[str] | None = None
    """An existing PersistentVolume to bind; None is a new one of the class."""

    seed: pulumi.Input[str] | None = None
    """The VolumeSnapshot that the first claim begins with; None begins empty."""

    def __post_init__(self) -> None:
        if self.volume_name is not None and self.storage_class is not None:
            raise ValueError(
                "a volume that exists is bound as it is: name it, or name a class to make one of."
            )


@dataclass(frozen=True, kw_only=True)
class StorageArgs:
    """Which claims there are."""

    namespace: pulumi.Input[str]
    outputs: Volume
    weights: Volume | None = None
    """None where the image carries its weights."""

    protect: bool
    """Whether Pulumi refuses to delete the claims."""

    restore: Restore | None = None
    """The snapshot that the pods' volumes are made from; None mounts the first claims."""

    asked: Asked | None = None
    """Who says, in a preview already, whether the claims can be made from it. None asks nobody."""

    before: Sequence[pulumi.Resource] = ()
    """What a claim that is made from it comes after."""


class Storage(pulumi.ComponentResource):
    """The claims."""

    outputs_claim: pulumi.Output[str]
    """Name of the claim mounted at the engine's outputs path."""

    weights_claim: pulumi.Output[str] | None
    """Name of the claim mounted at the engine's weights path; None where the image carries its weights."""

    def __init__(self, name: str, args: StorageArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("tts-platform:tts:Storage", name, None, opts)
        self._name = name
        self._args = args
        self.outputs_claim = self._mounted(OUTPUTS_CLAIM, args.outputs)
        self.weights_claim = None
        if args.weights is not None:
            self.weights_claim = self._mounted(WEIGHTS_CLAIM, args.weights)
        self.register_outputs({"outputs_claim": self.outputs_claim, "weights_claim": self.weights_claim})

    def _mounted(self, volume: str, wishes: Volume) -> pulumi.Output[str]:
        """The claim that the pods mount; the first one is there whatever was restored since."""
        first = self._claim(
            volume,
            wishes,
            wishes.seed,
            # What a volume began with says nothing of what is in it now: a seed that goes, or comes late, is nothing.
            pulumi.ResourceOptions(
                parent=self,
                protect=self._args.protect,
                ignore_changes=["spec.dataSource", "spec.dataSourceRef"],
            ),
            {},
        )
        restore = self._args.restore
        if restore is None:
            return first
        return self._claim(
            restore.claim(volume),
            wishes,
            self._source(restore, volume, wishes.size),
            pulumi.ResourceOptions(parent=self, retain_on_delete=True, depends_on=[*self._args.before]),
            # It may be there from an earlier time, with the size of then as another field manager's.
            {"pulumi.com/patchForce": "true"},
        )

    def _source(self, restore: Restore, volume: str, size: str) -> pulumi.Input[str]:
        if self._args.asked is None:
            return object_name(restore.snapshot, volume)
        return restorable(self._args.asked, self._args.namespace, restore, volume, size)

    def _claim(
        self,
        claim: str,
        wishes: Volume,
        snapshot: pulumi.Input[str] | None,
        opts: pulumi.ResourceOptions,
        annotations: Mapping[str, str],
    ) -> pulumi.Output[str]:
        # Empty, unlike none at all, is no class: the cluster would fill in its default, and make a volume of it.
        storage_class = wishes.storage_class if wishes.volume_name is None else ""
        resource = kubernetes.core.v1.PersistentVolumeClaim(
            f"{self._name}-{claim}",
            metadata={
                "name": claim,
                "namespace": self._args.namespace,
                # A class that binds at the first consumer leaves the claim pending until the pod is there, and the pod
                # comes after the claim. Pulumi looks up the class to know; it cannot when the class is the default.
                "annotations": {
                    "pulumi.com/skipAwait": "true",
                    # The cluster fills in its default, and nobody could tell it from one that was asked for.
                    ASKED_CLASS: "" if storage_class is None else storage_class,
                    **annotations,
                },
            },
            spec={
                "access_modes": [wishes.access_mode],
                "storage_class_name": storage_class,
                "volume_name": wishes.volume_name,
                "resources": {"requests": {"storage": wishes.size}},
                "data_source": None if snapshot is None else _made_from(snapshot),
            },
            opts=opts,
        )
        return resource.metadata["name"]


def _made_from(snapshot: pulumi.Input[str]) -> dict[str, Any]:
    return {"api_group": API_GROUP, "kind": "VolumeSnapshot", "name": snapshot}
