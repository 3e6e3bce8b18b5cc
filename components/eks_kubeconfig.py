"""A kubeconfig that holds no credentials: whoever uses it asks AWS for a token, as themselves.

AWS: https://docs.aws.amazon.com/eks/latest/userguide/create-kubeconfig.html
"""

import json


def kubeconfig(*, cluster: str, region: str, endpoint: str, certificate_authority: str) -> str:
    """The kubeconfig as JSON, which is YAML too. Its cluster, user and context are named after the EKS cluster.

    `certificate_authority` is base64, as EKS reports it. Needs the `aws` command where it is used.
    """
    arguments = ["eks", "get-token", "--cluster-name", cluster, "--region", region, "--output", "json"]
    token = {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "aws", "args": arguments}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": cluster,
                    "cluster": {"server": endpoint, "certificate-authority-data": certificate_authority},
                }
            ],
            "users": [{"name": cluster, "user": {"exec": token}}],
            "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": cluster}}],
            "current-context": cluster,
        }
    )
