"""The speech service's persistent storage: what it has spoken, and the weights that it downloaded.

A claim grows in place and never shrinks; the settings refuse a smaller size before anything is changed.
"""

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from components.tts.rollout import ASKED_CLASS, OUTPUTS_CLAIM, WEIGHTS_CLAIM


@dataclass(frozen=True, kw_only=True)
class Volume:
    """One claim's wishes."""

    size: str
    access_mode: str
    storage_class: pulumi.Input[str] | None = None
    """None is the cluster's default class."""

    volume_name: pulumi.Input[str] | None = None
    """An existing PersistentVolume to bind; None is a new one of the class."""

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


class Storage(pulumi.ComponentResource):
    """The claims."""

    outputs_claim: pulumi.Output[str]
    """Name of the claim mounted at the engine's outputs path."""

    weights_claim: pulumi.Output[str] | None
    """Name of the claim mounted at the engine's weights path; None where the image carries its weights."""

    def __init__(self, name: str, args: StorageArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("tts-platform:tts:Storage", name, None, opts)
        self.outputs_claim = self._claim(name, args, OUTPUTS_CLAIM, args.outputs)
        self.weights_claim = None
        if args.weights is not None:
            self.weights_claim = self._claim(name, args, WEIGHTS_CLAIM, args.weights)
        self.register_outputs({"outputs_claim": self.outputs_claim, "weights_claim": self.weights_claim})

    def _claim(self, name: str, args: StorageArgs, claim: str, volume: Volume) -> pulumi.Output[str]:
        # Empty, unlike none at all, is no class: the cluster would fill in its default, and make a volume of it.
        storage_class = volume.storage_class if volume.volume_name is None else ""
        resource = kubernetes.core.v1.PersistentVolumeClaim(
            f"{name}-{claim}",
            metadata={
                "name": claim,
                "namespace": args.namespace,
                # A class that binds at the first consumer leaves the claim pending until the pod is there, and the pod
                # comes after the claim. Pulumi looks up the class to know; it cannot when the class is the default.
                "annotations": {
                    "pulumi.com/skipAwait": "true",
                    # The cluster fills in its default, and nobody could tell it from one that was asked for.
                    ASKED_CLASS: "" if storage_class is None else storage_class,
                },
            },
            spec={
                "access_modes": [volume.access_mode],
                "storage_class_name": storage_class,
                "volume_name": volume.volume_name,
                "resources": {"requests": {"storage": volume.size}},
            },
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        return resource.metadata["name"]
