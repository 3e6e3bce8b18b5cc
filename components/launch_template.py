"""The launch template that both node groups start their instances from.

It holds what a managed node group cannot say itself: the metadata service answers only to IMDSv2 and only to the node
(a hop limit of 1 keeps pods from the node's role), the root volume is encrypted gp3, and instances and volumes carry
the cost tags, which the provider's default tags never reach.

AWS: https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html,
https://docs.aws.amazon.com/eks/latest/best-practices/identity-and-access-management.html
"""

from collections.abc import Mapping, Sequence
from typing import Final

import pulumi
import pulumi_aws as aws

ROOT_DEVICE: Final = "/dev/xvda"
"""The root volume's name in every image of Amazon Linux 2023 that EKS makes, the NVIDIA one included."""

_TAGGED: Final = ("instance", "volume")


def launch_template(
    name: str,
    *,
    root_gib: int,
    tags: Mapping[str, str],
    security_group_ids: Sequence[pulumi.Input[str]] = (),
    parent: pulumi.Resource,
) -> aws.ec2.LaunchTemplate:
    """A template with a root volume of `root_gib` GiB, for instances and volumes that carry `tags`.

    Where `security_group_ids` are given they are all that the nodes get, so the cluster's own must be among them;
    without any, EKS gives the nodes the cluster's own.
    """
    return aws.ec2.LaunchTemplate(
        name,
        metadata_options=aws.ec2.LaunchTemplateMetadataOptionsArgs(
            http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
        ),
        block_device_mappings=[
            aws.ec2.LaunchTemplateBlockDeviceMappingArgs(
                device_name=ROOT_DEVICE,
                ebs=aws.ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
                    volume_type="gp3", volume_size=root_gib, encrypted="true", delete_on_termination="true"
                ),
            )
        ],
        # None rather than an empty list: EKS refuses a template that names no group among its groups.
        vpc_security_group_ids=list(security_group_ids) or None,
        tag_specifications=[
            aws.ec2.LaunchTemplateTagSpecificationArgs(resource_type=kind, tags={"Name": name, **tags})
            for kind in _TAGGED
        ],
        opts=pulumi.ResourceOptions(parent=parent),
    )
