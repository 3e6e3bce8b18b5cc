"""Which images may run: those that stay what they are, from registries that somebody answers for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from policy.model import Resource, Rule, Settings, each
from policy.workloads import in_containers, is_workload, title

_DIGEST: Final = re.compile(r"@sha256:[0-9a-f]{64}$")
MOVING: Final = frozenset(
    {
        "latest",
        "main",
        "master",
        "trunk",
        "head",
        "dev",
        "develop",
        "edge",
        "nightly",
        "stable",
        "snapshot",
        "canary",
        "prod",
    }
)
"""Words of a tag that is given to one image after another."""

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
        "@" not in image and any(map(str.isdigit, _tag(image))) and not words & MOVING
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


def _refused(workload: Resource, good: Callable[[str], bool]) -> Iterator[str]:
    """The images that are not good: also those that a controller starts by itself, named in its arguments."""

    def look(container: Mapping[str, Any]) -> Iterator[str]:
        def run(image: Any) -> Iterator[str]:
            if not good(str(image)):
                yield f'{title(container)} runs "{image}".'

        def named(argument: Any) -> Iterator[str]:
            found = _IMAGE_ARGUMENT.fullmatch(str(argument))
            if found and not good(found[1]):
                yield f'{title(container)}, by an argument, runs "{found[1]}".'

        yield from each([container.get("image", "")], run)
        for key in ("command", "args"):
            yield from each(container.get(key) or (), named)

    return in_containers(workload, look)


def _check_immutable(workload: Resource, _: Settings) -> Iterator[str]:
    return _refused(workload, is_immutable)


def _check_registry(workload: Resource, settings: Settings) -> Iterator[str]:
    return _refused(workload, lambda image: is_allowed(image, settings))


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
