"""The device plugin's manifest after our changes. Needs the pinned manifest in the cache, or the network."""

from collections.abc import Mapping
from typing import Any

from components.device_plugin import DevicePlugin, DevicePluginArgs
from components.nodes import GPU_NODE_SELECTOR, GPU_TOLERATIONS
from components.upstream.source import UpstreamStore
from stacks.versions import DEVICE_PLUGIN
from tests.support.recording import Recording, record


def device_plugin(**changes: Any) -> Recording:
    args = DevicePluginArgs(upstream=DEVICE_PLUGIN, store=UpstreamStore(), **changes)

    def program() -> None:
        DevicePlugin("gpu", args)

    return record(program)


def daemon_set(recording: Recording) -> Mapping[str, Any]:
    return recording.object("DaemonSet", "nvidia-device-plugin-daemonset")


def pod(recording: Recording) -> Any:
    return daemon_set(recording)["spec"]["template"]["spec"]


def container(recording: Recording) -> Any:
    (found,) = pod(recording)["containers"]
    return found


def test_it_runs_on_gpu_nodes_and_nowhere_else() -> None:
    assert pod(device_plugin())["nodeSelector"] == GPU_NODE_SELECTOR, "elsewhere it fails for want of a GPU"


def test_it_tolerates_the_gpu_nodes_taint_and_no_other() -> None:
    assert pod(device_plugin())["tolerations"] == GPU_TOLERATIONS


def test_a_gpu_that_it_cannot_see_is_a_failure() -> None:
    variables = {item["name"]: item["value"] for item in container(device_plugin())["env"]}
    assert variables == {"FAIL_ON_INIT_ERROR": "true"}, (
        "it would run for ever on a node that never offers its GPU, and everything would look well"
    )


def test_it_is_one_daemon_set_of_the_system() -> None:
    recording = device_plugin()
    kubernetes = [item for item in recording.resources if item.type.startswith("kubernetes:")]
    assert len(kubernetes) == 1
    assert daemon_set(recording)["metadata"]["namespace"] == "kube-system"
    assert pod(recording)["priorityClassName"] == "system-node-critical", (
        "without it the node has no GPU to offer: it must not be the one that is evicted"
    )


def test_it_has_no_privilege() -> None:
    recording = device_plugin()
    context = container(recording)["securityContext"]
    assert context == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    assert pod(recording)["automountServiceAccountToken"] is False, "it speaks to kubelet, never to the API"


def test_it_is_bounded() -> None:
    resources = container(device_plugin())["resources"]
    assert resources["limits"]["memory"]
    assert resources["requests"] == {"cpu": "10m", "memory": "64Mi"}


def test_a_mirror_serves_its_image_at_the_pinned_tag() -> None:
    assert container(device_plugin())["image"] == f"nvcr.io/nvidia/k8s-device-plugin:{DEVICE_PLUGIN.tag}"
    mirrored = container(device_plugin(image_registry="mirror.example.com"))["image"]
    assert mirrored == f"mirror.example.com/nvidia/k8s-device-plugin:{DEVICE_PLUGIN.tag}"
