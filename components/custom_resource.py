"""What the SDK's type of a custom resource leaves out."""

import pulumi
import pulumi_kubernetes as kubernetes


def name_of(resource: kubernetes.apiextensions.CustomResource) -> pulumi.Output[str]:
    """Its name in the cluster, known once it is there."""
    # What a custom resource has depends on its kind, so the SDK declares no properties on it.
    metadata: pulumi.Output[dict[str, str]] = getattr(resource, "metadata")  # noqa: B009
    return metadata["name"]
