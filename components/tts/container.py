"""The speech container: its probes, its mounts, and what it may do, all by the engine's profile."""

from dataclasses import dataclass
from typing import Any

import pulumi

from components.nodes import GPU_RESOURCE
from components.tts.engine import Engine

PORT_NAME = "speech"

_PROBE_PERIOD = 5
_LIVENESS_PERIOD = 10


@dataclass(frozen=True, kw_only=True)
class ContainerArgs:
    """What the container is made of."""

    engine: Engine
    image: str
    arguments: tuple[str, ...]
    gpus: int
    settings_name: pulumi.Input[str]
    outputs_claim: pulumi.Input[str]
    weights_claim: pulumi.Input[str] | None
    drain_seconds: int


def speech_container(args: ContainerArgs) -> dict[str, Any]:
    """The container of the speech pods."""
    engine = args.engine
    container: dict[str, Any] = {
        "name": "speech",
        "image": args.image,
        # Images are immutable, so one that is there is the one that is meant.
        "image_pull_policy": "IfNotPresent",
        "args": list(args.arguments),
        "ports": [{"name": PORT_NAME, "container_port": engine.port}],
        "env_from": [{"config_map_ref": {"name": args.settings_name}}],
        "resources": _resources(args),
        "security_context": _security(engine),
        "lifecycle": {"pre_stop": {"sleep": {"seconds": args.drain_seconds}}},
        "volume_mounts": [{"name": name, "mount_path": path} for name, path in _mounts(args)],
        **_probes(engine),
    }
    if engine.command:
        container["command"] = list(engine.command)
    return container


def speech_volumes(args: ContainerArgs) -> list[dict[str, Any]]:
    """The volumes behind the container's mounts."""
    volumes: list[dict[str, Any]] = [
        {"name": "outputs", "persistent_volume_claim": {"claim_name": args.outputs_claim}},
        {"name": "tmp", "empty_dir": {}},
    ]
    if args.weights_claim is not None:
        volumes.append({"name": "weights", "persistent_volume_claim": {"claim_name": args.weights_claim}})
    if args.engine.shared_memory:
        memory = {"medium": "Memory", "size_limit": args.engine.shared_memory}
        volumes.append({"name": "shared-memory", "empty_dir": memory})
    return volumes


def _mounts(args: ContainerArgs) -> list[tuple[str, str]]:
    engine = args.engine
    mounts = [("outputs", engine.outputs_path), ("tmp", "/tmp")]  # noqa: S108 - in the pod, a volume of its own
    if args.weights_claim is not None and engine.weights_path is not None:
        mounts.append(("weights", engine.weights_path))
    if engine.shared_memory:
        mounts.append(("shared-memory", "/dev/shm"))  # noqa: S108 - the same
    return mounts


def _resources(args: ContainerArgs) -> dict[str, Any]:
    resources = args.engine.resources
    # An extended resource cannot be overcommitted: request and limit are one number.
    gpus = {GPU_RESOURCE: str(args.gpus)}
    requests = {"cpu": resources.cpu_request, "memory": resources.memory_request}
    limits = {"cpu": resources.cpu_limit, "memory": resources.memory_limit}
    return {
        "requests": {key: value for key, value in requests.items() if value} | gpus,
        "limits": {key: value for key, value in limits.items() if value} | gpus,
    }


def _security(engine: Engine) -> dict[str, Any]:
    return {
        "allow_privilege_escalation": False,
        "read_only_root_filesystem": engine.read_only_root,
        "capabilities": {"drop": ["ALL"]},
    }


def _get(path: str) -> dict[str, Any]:
    return {"http_get": {"path": path, "port": PORT_NAME}}


def _probes(engine: Engine) -> dict[str, Any]:
    open_port = {"tcp_socket": {"port": PORT_NAME}}
    ready = _get(engine.health_path) if engine.health_path else open_port
    alive = _get(engine.liveness_path) if engine.liveness_path else open_port
    return {
        "startup_probe": {
            **ready,
            "period_seconds": _PROBE_PERIOD,
            "timeout_seconds": 3,
            "failure_threshold": -(-engine.startup_seconds // _PROBE_PERIOD),
        },
        "readiness_probe": {
            **ready,
            "period_seconds": _PROBE_PERIOD,
            "timeout_seconds": 3,
            "failure_threshold": 2,
        },
        # Not the readiness probe: an engine that is busy, or drains, answers its health path late or with a 503, and a
        # restart would throw away the syntheses in flight.
        "liveness_probe": {
            **alive,
            "period_seconds": _LIVENESS_PERIOD,
            "timeout_seconds": 5,
            # Silent for longer than any synthesis takes: stuck, and not only busy with one.
            "failure_threshold": max(6, engine.synthesis_seconds // _LIVENESS_PERIOD + 1),
        },
    }
