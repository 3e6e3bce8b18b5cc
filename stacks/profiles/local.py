"""A laptop, a test machine, CI: the embedded cluster with one edge node and one GPU node."""

from typing import Final

from components.edge import Exposure
from components.tts.rollout import Rollout
from stacks.choices import AccessMode, Delivery, Issuer
from stacks.profile import Profile
from stacks.versions import CERT_MANAGER_FROM_SOURCE

PROFILE: Final = Profile(
    # Needs no address of a node, so it works on any cluster that `kubeContext` names.
    exposure=Exposure.HOST_PORT,
    # No ACME server can reach a laptop.
    issuer=Issuer.IN_CLUSTER_CA,
    rollout=Rollout.SURGE,
    access_mode=AccessMode.READ_WRITE_ONCE,
    delivery=Delivery.DIRECT,
    kubeconfig="~/.local/state/tts-platform/clusters/default/kubeconfig",
    snapshot_driver="btrfs.csi.tts-platform.local",
    contour_replicas=2,
    cert_manager=CERT_MANAGER_FROM_SOURCE,
    protect=False,
    one_gpu_node=True,
    aws=None,
)
