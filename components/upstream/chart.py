"""A Helm chart rendered to plain objects, with the Kubernetes provider's own Helm and without a cluster."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from components.upstream.objects import KubernetesObject


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart directory and what it is rendered with."""

    directory: Path
    release: str
    namespace: str
    values: Mapping[str, Any]
    kubernetes_version: str
    """What the chart takes the cluster for; asked of no cluster, so that a preview needs none."""


def renderer(name: str, parent: pulumi.Resource) -> kubernetes.Provider:
    """A provider that renders and never applies: it knows of no cluster, and its directory stays empty."""
    return kubernetes.Provider(
        name,
        # Written to only by resources of this provider, of which there are none.
        render_yaml_to_directory=".rendered",
        # Not None: that would be the environment's KUBECONFIG, which cannot go with rendering.
        kubeconfig="",
        opts=pulumi.ResourceOptions(parent=parent),
    )


def render(chart: Chart, provider: kubernetes.Provider) -> list[KubernetesObject]:
    """All objects of the chart, its hooks among them."""
    options = {
        "path": str(chart.directory),
        "release_name": chart.release,
        "namespace": chart.namespace,
        "values": chart.values,
        "kube_version": chart.kubernetes_version,
    }
    answer = pulumi.runtime.invoke(
        "kubernetes:helm:template", {"jsonOpts": json.dumps(options)}, pulumi.InvokeOptions(provider=provider)
    )
    objects: list[KubernetesObject] = answer.value["result"]
    return objects
