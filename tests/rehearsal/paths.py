"""How long the engine takes to say that a destroy cannot go on.

When a deletion fails or is refused, the engine marks what that resource depends on by walking every path through the
dependencies, each as often as it is there (pkg/resource/graph/dependency_graph.go, `markAsDependency`). A state can
have so many that an error in the night is followed by hours of silence.
"""

from collections.abc import Mapping
from typing import Any


def most_paths(resources: list[dict[str, Any]]) -> int:
    """Of the resource that has most: how many paths lead from it through its dependencies."""
    # What a resource depends on is ahead of it in a state.
    paths: dict[str, int] = {}
    for resource in resources:
        paths[resource["urn"]] = 1 + sum(paths[urn] for urn in _edges(resource))
    return max(paths.values())


def _edges(resource: Mapping[str, Any]) -> list[str]:
    """URNs, as often as the engine follows them. Not the parent, which it goes to but once."""
    provider = [resource["provider"].rpartition("::")[0]] if "provider" in resource else []
    by_property = (urn for urns in resource.get("propertyDependencies", {}).values() for urn in urns or [])
    return [*provider, *resource.get("dependencies", []), *by_property]
