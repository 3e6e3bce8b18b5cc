"""All rules, in the order in which docs/policy.md lists them."""

from __future__ import annotations

from typing import Final

from policy import (
    aws_encryption,
    aws_exposure,
    aws_nodes,
    exposure,
    gpu,
    iam,
    images,
    network,
    pod_kernel,
    pod_security,
    protection,
    resources,
    tags,
    tls,
    unseen,
)
from policy.model import Rule

RULES: Final[tuple[Rule, ...]] = (
    *images.RULES,
    *resources.RULES,
    *gpu.RULES,
    *pod_security.RULES,
    *pod_kernel.RULES,
    *unseen.RULES,
    *network.RULES,
    *tls.RULES,
    *exposure.RULES,
    *aws_nodes.RULES,
    *aws_exposure.RULES,
    *aws_encryption.RULES,
    *iam.RULES,
    *protection.RULES,
    *tags.RULES,
)
