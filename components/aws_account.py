"""The connection to the AWS account and region that a stack is in.

Everything that goes through it is tagged, so that a bill, and whoever finds a resource, can say whose it is.
https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
"""

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws


def account(name: str, *, region: str, tags: Mapping[str, str], parent: pulumi.Resource) -> aws.Provider:
    """A provider for `region`, with the ambient credentials, that puts `tags` on everything that can carry them."""
    return aws.Provider(
        name,
        region=region,
        default_tags=aws.ProviderDefaultTagsArgs(tags=tags),
        opts=pulumi.ResourceOptions(parent=parent),
    )
