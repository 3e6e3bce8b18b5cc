"""The NVIDIA device plugin: it tells Kubernetes how many GPUs a node has, and hands them to pods.

The nodes' image brings the driver and the container runtime's NVIDIA hook; the plugin is the one part that it leaves to
the cluster. https://docs.aws.amazon.com/eks/latest/userguide/ml-eks-optimized-ami.html

Refuses to run anywhere but on nodes of the GPU pool: on another node it would fail for want of a GPU.
"""

from dataclasses import dataclass
from typing import Final

import pulumi

from components.hardening import harden
from components.nodes import GPU_NODE_SELECTOR, GPU_TOLERATIONS
from components.upstream.images import use_registry
from components.upstream.install import install
from components.upstream.objects import (
    Change,
    KubernetesObject,
    container,
    parse_manifest,
    pod_spec,
    transform,
)
from components.upstream.pin import Upstream
from components.upstream.source import UpstreamStore

_DAEMON_SET: Final = "nvidia-device-plugin-daemonset"
_RESOURCES = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}}


@dataclass(frozen=True, kw_only=True)
class DevicePluginArgs:
    """Which plugin, and where its image comes from."""

    upstream: Upstream
    """`deployments/static/nvidia-device-plugin.yml` of a tag."""

    store: UpstreamStore
    image_registry: str | None = None
    """A mirror of the images' registries."""


class DevicePlugin(pulumi.ComponentResource):
    """A DaemonSet in `kube-system`, one pod on each node of the GPU pool."""

    daemon_set: pulumi.Output[str]
    """Its name."""

    def __init__(self, name: str, args: DevicePluginArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("tts-platform:deviceplugin:DevicePlugin", name, None, opts)

        objects = transform(parse_manifest(args.store.locate(args.upstream)), _changes())
        if args.image_registry:
            use_registry(objects, args.image_registry)
        install(name, objects, self)

        self.daemon_set = pulumi.Output.from_input(_DAEMON_SET)
        self.register_outputs({"daemon_set": self.daemon_set})


def _changes() -> list[Change]:
    return [Change(kind="DaemonSet", name=_DAEMON_SET, apply=_configure)]


def _configure(daemon_set: KubernetesObject) -> None:
    spec = pod_spec(daemon_set)
    spec["nodeSelector"] = dict(GPU_NODE_SELECTOR)
    # Instead of upstream's, which tolerates any value of the key.
    spec["tolerations"] = [dict(toleration) for toleration in GPU_TOLERATIONS]
    # It speaks to kubelet's socket only.
    spec["automountServiceAccountToken"] = False
    plugin = container(daemon_set, "nvidia-device-plugin-ctr")
    plugin["resources"] = _RESOURCES
    # Every node that it runs on has a GPU, so one that it cannot see is a fault. With "false" the plugin would run for
    # ever on a node that never offers its GPU; with "true" it is started again until the driver is up, and is seen to
    # fail if it never is. Said here, because tags differ in what their manifest says.
    kept = [variable for variable in plugin.get("env") or [] if variable["name"] != "FAIL_ON_INIT_ERROR"]
    plugin["env"] = [*kept, {"name": "FAIL_ON_INIT_ERROR", "value": "true"}]
    harden(daemon_set)
