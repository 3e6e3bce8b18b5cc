"""Where pods may run: the one home of node labels and taints.

A cluster that this program installs on has two pools: `edge` nodes carry Envoy and the controllers, `gpu` nodes carry
the speech pods and nothing that does not tolerate their taint.
"""

from typing import Any, Final

EDGE_NODE_SELECTOR: Final[dict[str, str]] = {"tts-platform/pool": "edge"}
GPU_NODE_SELECTOR: Final[dict[str, str]] = {"tts-platform/pool": "gpu"}

GPU_RESOURCE: Final = "nvidia.com/gpu"
GPU_TOLERATIONS: Final[list[dict[str, Any]]] = [
    {"key": GPU_RESOURCE, "operator": "Equal", "value": "present", "effect": "NoSchedule"}
]
