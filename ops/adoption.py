"""Keeps a first `make up CONTEXT=` from taking over what somebody else has installed.

Server-side apply would adopt namespaces and CRDs that are there, and a later destroy would delete them.
"""

from __future__ import annotations

from pathlib import Path

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException
from urllib3.exceptions import HTTPError

from ops.errors import OpsError

NAMESPACES = ("cert-manager", "projectcontour", "tts")
GROUPS = ("cert-manager.io", "projectcontour.io")


def refuse(kubeconfig: Path, context: str) -> None:
    """Raises OpsError where the cluster has any of what the local stack would make."""
    try:
        api = config.new_client_from_config(config_file=str(kubeconfig), context=context)
        present = {
            item.metadata.name for item in client.CoreV1Api(api).list_namespace(_request_timeout=10).items
        }
        definitions = (
            client.ApiextensionsV1Api(api).list_custom_resource_definition(_request_timeout=10).items
        )
    except (ApiException, ConfigException, HTTPError) as error:
        raise OpsError(
            f"The cluster of context {context} does not answer: {str(error).splitlines()[0]}"
        ) from None
    found = [f"namespace {name}" for name in NAMESPACES if name in present]
    found += sorted({f"CRDs of {item.spec.group}" for item in definitions if item.spec.group in GROUPS})
    if found:
        raise OpsError(
            f"The cluster of context {context} has {', '.join(found)} already, and the local stack brings its own: "
            "name a cluster without them."
        )
