"""Production: nothing is down during a rollout, and every volume follows its pod to any node."""

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
    issuer=Issuer.LETSENCRYPT,
    rollout=Rollout.SURGE,
    access_mode=AccessMode.READ_WRITE_MANY,
    # Git says what runs, who changed it, and what it was before.
    delivery=Delivery.GITOPS,
    kubeconfig=None,
    snapshot_driver=None,
    contour_replicas=2,
    cert_manager=CERT_MANAGER,
    # What was spoken cannot be made again: a destroy stops here until `deletionProtection` is false.
    protect=True,
    one_gpu_node=False,
    aws=AwsProfile(
        vpc_cidr="10.64.0.0/16",
        nat_per_zone=True,
        flow_logs=True,
        edge_instance_types=("m6i.large",),
        edge_nodes=2,
        gpu_capacity=Capacity.ON_DEMAND,
        cross_zone=True,
        storage=StorageBackend.EFS,
    ),
)
