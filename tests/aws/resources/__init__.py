"""The resource types and lookups that are rehearsed, by their Pulumi tokens."""

from tests.aws.resources import (
    autoscaling,
    dlm,
    ec2,
    efs,
    eks,
    elbv2,
    iam,
    kms,
    launch_template,
    logs,
    lookups,
    node_group,
    route53,
    routing,
    s3,
    security_groups,
)

_MODULES = (
    autoscaling,
    dlm,
    ec2,
    efs,
    eks,
    elbv2,
    iam,
    kms,
    launch_template,
    logs,
    node_group,
    route53,
    routing,
    s3,
    security_groups,
)

KINDS = {kind.resource_type: kind for module in _MODULES for kind in module.ALL}
LOOKUPS = lookups.ALL
