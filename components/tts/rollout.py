"""How the service is replaced and where it keeps things: facts that settings and components share."""

from enum import StrEnum
from typing import Final

OUTPUTS_CLAIM: Final = "outputs"
WEIGHTS_CLAIM: Final = "weights"

ASKED_CLASS: Final = "tts-platform/storage-class"
"""Annotation of a claim: the storage class that was asked for, empty for the cluster's default."""


class Rollout(StrEnum):
    """How a new version replaces the old one."""

    SURGE = "surge"
    """A new pod beside the old one, which goes when the new one is ready. Takes one more pod's GPUs meanwhile."""

    IN_PLACE = "in-place"
    """The old pod goes first. Takes nothing extra, and costs the loading time of the model in downtime."""
