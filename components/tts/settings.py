"""`inference-cfg`: the engine's environment, as a ConfigMap that the speech team can read in the cluster."""

import hashlib
import json
from collections.abc import Mapping

import pulumi
import pulumi_kubernetes as kubernetes

NAME = "inference-cfg"


def inference_settings(
    name: str, namespace: pulumi.Input[str], settings: Mapping[str, str], parent: pulumi.Resource
) -> kubernetes.core.v1.ConfigMap:
    """The ConfigMap that the speech container takes its environment from."""
    return kubernetes.core.v1.ConfigMap(
        name,
        metadata={"name": NAME, "namespace": namespace},
        data=dict(settings),
        opts=pulumi.ResourceOptions(parent=parent),
    )


def settings_checksum(settings: Mapping[str, str]) -> str:
    """Changes when any setting does, and with nothing else."""
    return hashlib.sha256(json.dumps(dict(settings), sort_keys=True).encode()).hexdigest()
