"""Which images may run: those that stay what they are, from registries that somebody answers for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from policy.model import Resource, Rule, Settings
from policy.workloads import containers, is_workload, title

_DIGEST: Final = re.compile(r"@sha256:[0-9a-f]{64}$")
_MOVING: Final = frozenset(
    {"latest", "main", "master", "dev", "edge", "nightly", "stable", "snapshot", "canary"}
)
_IMAGE_ARGUMENT: Final = re.compile(r"--[\w-]*image=(.+)")

REGISTRIES: Final = (
    "docker.io/envoyproxy",
    "docker.io/library",
    "ghcr.io/projectcontour",
    "localhost/tts-platform",
    "nvcr.io/nvidia",
    "public.ecr.aws/docker/library",
    "quay.io/argoproj",
    "quay.io/jetstack",
    "registry.example.com",
)


def _tag(image: str) -> str:
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2]


def is_immutable(image: str) -> bool:
    """Whether the name means the same image tomorrow."""
    words = set(re.split(r"[._-]", _tag(image).lower()))
    return bool(_DIGEST.search(image)) or (
        "@" not in image and any(map(str.isdigit, _tag(image))) and not words & _MOVING
    )


def qualified(image: str) -> str:
    """The image with the registry that a name without one means."""
    first, slash, _ = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return image
    return f"docker.io/{image}" if slash else f"docker.io/library/{image}"


def is_allowed(image: str, registries: Settings) -> bool:
    """Whether the image is below one of the allowed registries or repositories."""
    repository = qualified(image).partition("@")[0]
    return any(repository.startswith(f"{place.rstrip('/')}/") for place in registries["registries"])


def _images(workload: Resource) -> Iterator[tuple[str, str]]:
    """Each image with what runs it: also those that a controller starts by itself, named in its arguments."""
    for container in containers(workload):
        yield title(container), str(container.get("image", ""))
        for argument in [*(container.get("command") or ()), *(container.get("args") or ())]:
            if found := _IMAGE_ARGUMENT.fullmatch(str(argument)):
                yield f"{title(container)}, by an argument,", found[1]


def _check_immutable(workload: Resource, _: Settings) -> Iterator[str]:
    for who, image in _images(workload):
        if not is_immutable(image):
            yield f'{who} runs "{image}".'


def _check_registry(workload: Resource, settings: Settings) -> Iterator[str]:
    for who, image in _images(workload):
        if not is_allowed(image, settings):
            yield f'{who} runs "{image}".'


RULES: Final = (
    Rule(
        name="image-immutable",
        says="An image has a version tag or a digest.",
        reason="A tag that moves changes what runs without a commit, and a rollback has nothing to go back to.",
        fix="Write a version tag (name:1.4.2) or a digest (name@sha256:...).",
        types=is_workload,
        check=_check_immutable,
    ),
    Rule(
        name="image-registry",
        says="An image comes from an allowed registry.",
        reason="Whoever owns the registry decides what runs beside the GPUs and the outputs.",
        fix="Copy the image to a registry of yours, or allow the registry in policy/config.json.",
        types=is_workload,
        check=_check_registry,
        settings={"registries": REGISTRIES},
        settings_about={"registries": "Registries, or repositories in one (ghcr.io/projectcontour)."},
    ),
)
