"""The table of what a change means for a service that runs, the only one.

A kind that is not in it says nothing by itself; the diff does. Of several rows that fit, the first counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ops.preview.effects_aws import OF_AWS
from ops.preview.effects_kubernetes import OF_KUBERNETES
from ops.preview.rows import DATA, Row, replaced

_PROVIDERS: Final = {
    # One that is deleted takes nothing along: what moves to another has a step of its own.
    "pulumi:providers:": (
        replaced(DATA, "Everything that was made through the provider is made anew, claims included."),
    ),
}

TABLE: Final[Mapping[str, tuple[Row, ...]]] = MappingProxyType({**_PROVIDERS, **OF_KUBERNETES, **OF_AWS})
"""By type, or by what types begin with where it ends in a slash or a colon."""

SAYS_NOTHING: Final = (
    "aws:autoscaling/attachment:Attachment",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
    # Its node group's own row says what another one means.
    "aws:ec2/launchTemplate:LaunchTemplate",
    "aws:kms/alias:Alias",
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
    # Without it S3 encrypts by its own key all the same.
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "kubernetes:core/v1:ConfigMap",
    "kubernetes:core/v1:ServiceAccount",
    "kubernetes:policy/v1:PodDisruptionBudget",
)
"""Kinds that mean nothing to a service that runs, looked at one by one: the diff shows them."""
