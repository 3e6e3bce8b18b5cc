"""A managed add-on of EKS: software that AWS installs on a cluster and keeps as its version says.

AWS: https://docs.aws.amazon.com/eks/latest/userguide/workloads-add-ons-available-eks.html
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Addon:
    """One add-on at one version."""

    name: str
    """As `aws eks describe-addon-versions` names it, e.g. `vpc-cni`."""

    version: str
    """As `aws eks describe-addon-versions` lists it for the cluster's Kubernetes version, e.g. `v1.20.1-eksbuild.1`."""


VITAL_ADDONS: Final = frozenset({"vpc-cni", "kube-proxy", "coredns"})
"""Without these no pod has a network, so that every cluster that runs has them, as add-ons of EKS or in another way."""
