"""The IAM role of the nodes: to join the cluster, to pull images, and nothing else.

Every pod that reaches a node's metadata service would have this role, so what pods need (addresses, volumes, buckets)
comes to them by Pod Identity instead: no CNI policy, no CSI policy, no Systems Manager here.

- `AmazonEKSWorkerNodeMinimalPolicy`: `eks-auth:AssumeRoleForPodIdentity`, which the Pod Identity agent calls.
- `AmazonEC2ContainerRegistryPullOnly`: the images of the add-ons are in ECR; unlike `ReadOnly` it lists nothing.
- `ec2:DescribeInstances`: a node of Amazon Linux 2023 asks EC2 for its own private DNS name before it joins, and waits
  in vain without. AWS grants it no narrower than for all instances.

AWS: https://docs.aws.amazon.com/eks/latest/userguide/create-node-role.html,
https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonEKSWorkerNodeMinimalPolicy.html
"""

from typing import Final

import pulumi

from components.eks_role import eks_role

_POLICIES: Final = ("AmazonEKSWorkerNodeMinimalPolicy", "AmazonEC2ContainerRegistryPullOnly")
_OWN_NAME: Final = {"Effect": "Allow", "Action": "ec2:DescribeInstances", "Resource": "*"}


def node_role(name: str, parent: pulumi.Resource) -> pulumi.Output[str]:
    """The ARN of the role that the edge nodes and the GPU nodes share; who uses it comes after its rights."""
    return eks_role(name, service="ec2.amazonaws.com", policies=_POLICIES, inline=[_OWN_NAME], parent=parent)
