"""A client for the cluster that a stack is put on, for what only the cluster itself can say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from kubernetes import client


def cluster_client(kubeconfig: str, context: str) -> client.ApiClient:
    """By a kubeconfig, its path or its text, and a context in it."""
    # Not above: a program that asks nothing has no need of it.
    from kubernetes import config

    text = yaml.safe_load(kubeconfig)
    if isinstance(text, dict):
        return config.new_client_from_config_dict(text, context=context)
    return config.new_client_from_config(config_file=kubeconfig, context=context)
