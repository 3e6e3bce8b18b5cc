"""The engine's events of a preview, as a test says them, and what is made of them."""

import json
from typing import Any

from ops.preview.plan import parsed
from ops.preview.review import Review

CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"
PROXY = "kubernetes:projectcontour.io/v1:HTTPProxy"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
POOL = "aws:eks/nodeGroup:NodeGroup"
GPU = {"tts-platform/pool": "gpu"}

SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "hunter2"}
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def event(op: str, kind: str, name: str = "it", **step: Any) -> str:
    """The line that says one step."""
    urn = f"urn:pulumi:prod::tts-platform::{kind}::{name}"
    states = {key: {"custom": True, **step.pop(key)} for key in ("old", "new") if key in step}
    return json.dumps(
        {"resourcePreEvent": {"metadata": {"op": op, "urn": urn, "type": kind, **states, **step}}}
    )


def named(name: str, **inputs: Any) -> dict[str, Any]:
    """A state of an object in the service's namespace."""
    return {"inputs": {"metadata": {"name": name, "namespace": "tts"}, **inputs}}


def pool(types: list[str], nodes: int, **inputs: Any) -> dict[str, Any]:
    """A GPU node group's inputs."""
    scaling = {"minSize": 0, "desiredSize": nodes, "maxSize": 4}
    return {"instanceTypes": types, "scalingConfig": scaling, "labels": GPU, **inputs}


def review(*lines: str, code: int = 0, **more: Any) -> Review:
    """What production's reviewer is told of these events."""
    return Review(stack="prod", plan=parsed(lines, code), **more)
