"""What a container is given, and what it may not exceed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from policy.model import Resource, Rule, Settings
from policy.workloads import in_containers, is_workload, quantities, title

_REQUESTED: Final = ("cpu", "memory")


def _check_requests(workload: Resource, _: Settings) -> Iterator[str]:
    def look(container: Mapping[str, Any]) -> Iterator[str]:
        requests = quantities(container, "requests")
        missing = [what for what in _REQUESTED if what not in requests]
        if missing:
            yield f"{title(container)} requests no {' and no '.join(missing)}."

    return in_containers(workload, look)


def _check_limits(workload: Resource, _: Settings) -> Iterator[str]:
    def look(container: Mapping[str, Any]) -> Iterator[str]:
        if "memory" not in quantities(container, "limits"):
            yield f"{title(container)} has no limit of memory."

    return in_containers(workload, look)


RULES: Final = (
    Rule(
        name="container-requests",
        says="Every container requests CPU and memory.",
        reason="The scheduler puts what requests nothing onto full nodes, and it is the first to be evicted.",
        fix="Set resources.requests.cpu and resources.requests.memory.",
        types=is_workload,
        check=_check_requests,
    ),
    Rule(
        name="container-limits",
        # None of CPU: a limit of it stops a pod in the middle of a synthesis while the node's cores idle.
        says="Every container has a limit of memory.",
        reason="One that leaks takes the node's memory, and its neighbours with it.",
        fix="Set resources.limits.memory.",
        types=is_workload,
        check=_check_limits,
    ),
)
