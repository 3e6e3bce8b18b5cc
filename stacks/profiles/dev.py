"""A shared environment that may be down for the time that a model takes to load."""

from typing import Final

from components.capacity import Capacity
from components.edge import Exposure
from components.storage_backend import StorageBackend
from components.tts.rollout import Rollout
from stacks.aws_profile import AwsProfile
from stacks.choices import AccessMode, Delivery, Issuer
from stacks.profile import Profile
from stacks.versions import CERT_MANAGER

PROFILE: Final = Profile(
    # Envoy in a pod: what it may reach is said of its pods, which hold wherever pods and nodes share their networks.
    exposure=Exposure.HOST_PORT,
    # Dev is torn down and made again more often than Let's Encrypt's rate limits allow.
    issuer=Issuer.LETSENCRYPT_STAGING,
    # One GPU and a block device: the old pod has to go first.
    rollout=Rollout.IN_PLACE,
    access_mode=AccessMode.READ_WRITE_ONCE,
    # No commit between an idea and its trial.
    delivery=Delivery.DIRECT,
    kubeconfig=None,
    snapshot_driver=None,
    contour_replicas=2,
    cert_manager=CERT_MANAGER,
    protect=False,
    one_gpu_node=False,
    aws=AwsProfile(
        vpc_cidr="10.32.0.0/16",
        nat_per_zone=False,
        flow_logs=False,
        edge_instance_types=("t3.large",),
        edge_nodes=1,
        gpu_capacity=Capacity.SPOT,
        cross_zone=False,
        storage=StorageBackend.EBS,
    ),
)
