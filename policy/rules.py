"""All rules, in the order in which docs/policy.md lists them."""

from __future__ import annotations

from typing import Final

from policy import (
    aws_encryption,
    aws_exposure,
    exposure,
    gpu,
    iam,
    images,
    network,
    pod_security,
    protection,
    resources,
    tags,
    tls,
)
from policy.model import Rule

RULES: Final[tuple[Rule, ...]] = (
    *images.RULES,
    *resources.RULES,
    *gpu.RULES,
    *pod_security.RULES,
    *network.RULES,
    *tls.RULES,
    *exposure.RULES,
    *aws_exposure.RULES,
    *aws_encryption.RULES,
    *iam.RULES,
    *protection.RULES,
    *tags.RULES,
)
