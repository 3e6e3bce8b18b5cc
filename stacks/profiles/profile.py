"""What a profile says."""

from dataclasses import dataclass

from components.edge import Exposure
from components.tts.rollout import Rollout
from components.upstream.pin import Upstream
from stacks.choices import AccessMode, Issuer


@dataclass(frozen=True, kw_only=True)
class Profile:
    """An environment's shape."""

    exposure: Exposure
    """Default of the key `exposure`."""

    issuer: Issuer
    """Default of the key `issuer`."""

    rollout: Rollout
    """Default of the key `rollout`."""

    access_mode: AccessMode
    """Default of the key `accessMode`."""

    kubeconfig: str | None
    """Default of the key `kubeconfig`. None: no cluster until the key names one."""

    contour_replicas: int
    cert_manager: Upstream

    protect: bool
    """Whether Pulumi refuses to delete the speech service's namespace and volumes."""

    one_gpu_node: bool
    """Whether all GPUs are in one node. Only there can several pods mount one ReadWriteOnce volume."""
