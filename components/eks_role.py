"""An IAM role for one AWS service, with managed policies.

AWS: https://docs.aws.amazon.com/eks/latest/userguide/security-iam-awsmanpol.html
"""

import json
from collections.abc import Sequence
from typing import Any, Final

import pulumi
import pulumi_aws as aws

PODS: Final = "pods.eks.amazonaws.com"
"""The service that hands a role to a pod (EKS Pod Identity).

AWS: https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html
"""

_MANAGED: Final = "arn:aws:iam::aws:policy/"


def eks_role(
    name: str,
    *,
    service: str,
    policies: Sequence[str],
    inline: Sequence[dict[str, Any]] = (),
    parent: pulumi.Resource,
) -> pulumi.Output[str]:
    """The ARN of a role that `service` takes, with AWS's managed `policies` and the `inline` statements.

    Who uses the ARN comes after the policies, and goes before them: a role is never in use without its rights.
    """
    role = aws.iam.Role(name, assume_role_policy=_trust(service), opts=pulumi.ResourceOptions(parent=parent))
    attached: list[pulumi.Resource] = [
        aws.iam.RolePolicyAttachment(
            f"{name}-{policy.rpartition('/')[2]}",
            role=role.name,
            policy_arn=f"{_MANAGED}{policy}",
            opts=pulumi.ResourceOptions(parent=role),
        )
        for policy in policies
    ]
    if inline:
        attached.append(
            aws.iam.RolePolicy(
                f"{name}-inline",
                role=role.name,
                policy=json.dumps({"Version": "2012-10-17", "Statement": list(inline)}),
                opts=pulumi.ResourceOptions(parent=role),
            )
        )
    return pulumi.Output.all(role.arn, *[item.urn for item in attached]).apply(lambda values: str(values[0]))


def _trust(service: str) -> str:
    # Pod Identity puts the pod's cluster, namespace and account into the session's tags.
    actions = ["sts:AssumeRole", "sts:TagSession"] if service == PODS else ["sts:AssumeRole"]
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": actions}],
        }
    )
