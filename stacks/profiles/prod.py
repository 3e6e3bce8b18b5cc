"""Production: nothing is down during a rollout, and every volume follows its pod to any node."""

from typing import Final

from components.edge import Exposure
from components.tts.rollout import Rollout
from stacks.choices import AccessMode, Issuer
from stacks.profiles.profile import Profile
from stacks.versions import CERT_MANAGER

PROD: Final = Profile(
    exposure=Exposure.HOST_NETWORK,
    issuer=Issuer.LETSENCRYPT,
    rollout=Rollout.SURGE,
    access_mode=AccessMode.READ_WRITE_MANY,
    kubeconfig=None,
    contour_replicas=2,
    cert_manager=CERT_MANAGER,
    # What was spoken cannot be made again: a destroy stops here until `pulumi state unprotect`.
    protect=True,
    one_gpu_node=False,
)
