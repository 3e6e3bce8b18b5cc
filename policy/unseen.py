"""What makes or changes pods out of the rules' sight."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policy.model import Resource, Rule, Settings
from policy.workloads import is_workload

_RELEASE: Final = "kubernetes:helm.sh/v3:Release"
_PATCH: Final = "Patch"


def _is_unseen(type_: str) -> bool:
    return type_ == _RELEASE or (type_.endswith(_PATCH) and is_workload(type_.removesuffix(_PATCH)))


def _check(resource: Resource, _: Settings) -> Iterator[str]:
    if resource.type == _RELEASE:
        yield "The pods of a Release are seen by no rule: Helm makes them."
    else:
        yield f"A {resource.kind} shows the rules a part of the pods only."


RULES: Final = (
    Rule(
        name="pods-seen",
        says="Every pod is declared whole: no Helm Release, no Patch of a workload.",
        reason="The rules look at what the program declares, and let pass what they are not shown.",
        fix="Render the chart, as components/upstream does; change a manifest's object before it is made.",
        types=_is_unseen,
        check=_check,
    ),
)
