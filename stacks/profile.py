"""What a profile says."""

from dataclasses import dataclass

from components.edge import Exposure
from components.tts.rollout import Rollout
from components.upstream.pin import Upstream
from stacks.aws_profile import AwsProfile
from stacks.choices import AccessMode, Delivery, Issuer


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

    delivery: Delivery
    """Default of the key `delivery`."""

    kubeconfig: str | None
    """Default of the key `kubeconfig`. None: no cluster until the key names one."""

    snapshot_driver: str | None
    """Default of the key `snapshotDriver`, off AWS. None: nothing is known of the cluster's storage."""

    contour_replicas: int
    cert_manager: Upstream
    """Default of the key `certManagerVersion`."""

    protect: bool
    """Whether the environment is production: the default of the key `deletionProtection`, and whether AWS's disks,
    file system and bucket outlive a destroy."""

    one_gpu_node: bool
    """Whether all GPUs are in one node. Only there can several pods mount one ReadWriteOnce volume."""

    aws: AwsProfile | None
    """Defaults of the keys that `awsRegion` gives a meaning to. None: the environment is never on AWS."""
