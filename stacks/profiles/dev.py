"""A shared environment that may be down for the time that a model takes to load."""

from typing import Final

from components.edge import Exposure
from components.tts.rollout import Rollout
from stacks.choices import AccessMode, Issuer
from stacks.profiles.profile import Profile
from stacks.versions import CERT_MANAGER

DEV: Final = Profile(
    exposure=Exposure.HOST_NETWORK,
    # Dev is torn down and made again more often than Let's Encrypt's rate limits allow.
    issuer=Issuer.LETSENCRYPT_STAGING,
    # One GPU and a block device: the old pod has to go first.
    rollout=Rollout.IN_PLACE,
    access_mode=AccessMode.READ_WRITE_ONCE,
    kubeconfig=None,
    contour_replicas=2,
    cert_manager=CERT_MANAGER,
    protect=False,
    one_gpu_node=False,
)
