"""Ephemeral stacks: the service alone, for some hours, on the platform that another stack has.

Each is a stack `ephemeral-NAME`, and none has a committed file. So this profile is none of `stacks/profiles/`: each of
those is one stack's.
"""

from datetime import timedelta
from typing import Final

from components.edge import Exposure
from components.tts.rollout import Rollout
from stacks.choices import AccessMode, Delivery, Issuer
from stacks.profile import Profile
from stacks.versions import CERT_MANAGER

PREFIX: Final = "ephemeral-"
"""How the name of an ephemeral stack begins."""

STATE_ID: Final = "tts-platform/state-id"
"""Label of an ephemeral stack's namespace, and of no other's: the key `stateId`."""

LONGEST_LIFE: Final = timedelta(days=7)

EPHEMERAL: Final = Profile(
    # The platform's, whatever that is: `ops ephemeral` writes exposure, issuer and accessMode.
    exposure=Exposure.HOST_PORT,
    issuer=Issuer.IN_CLUSTER_CA,
    access_mode=AccessMode.READ_WRITE_ONCE,
    # One GPU is what it has: the old pod goes first.
    rollout=Rollout.IN_PLACE,
    delivery=Delivery.DIRECT,
    kubeconfig=None,
    # No snapshots of what is gone tomorrow.
    snapshot_driver=None,
    # Neither is installed.
    contour_replicas=0,
    cert_manager=CERT_MANAGER,
    protect=False,
    one_gpu_node=False,
    aws=None,
)


def stack_of(name: str) -> str:
    """The stack that an ephemeral name stands for."""
    return f"{PREFIX}{name}"


def name_of(stack: str) -> str | None:
    """The ephemeral name of a stack; None for another kind of stack."""
    return stack.removeprefix(PREFIX) if stack.startswith(PREFIX) else None


def namespace_of(name: str) -> str:
    """Where the service is."""
    return f"tts-{name}"
