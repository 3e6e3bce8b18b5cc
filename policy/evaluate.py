"""What a rule has to say of a resource, or of a stack, when its exemptions are left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from policy.exemptions import exempt
from policy.model import Resource, Rule, Settings, each


def violations(rule: Rule, resource: Resource, settings: Settings | None = None) -> Iterator[str]:
    """A message for each thing that is wrong with a resource."""
    check = rule.check
    if check is None or not rule.types(resource.type):
        return

    def look(item: Resource) -> Iterator[str]:
        for problem in check(item, {**rule.settings, **(settings or {})}):
            if not exempt(rule.name, item, problem):
                yield _message(rule, problem)

    yield from each([resource], look)


def stack_violations(
    rule: Rule, resources: Sequence[Resource], settings: Settings | None = None
) -> Iterator[tuple[Resource, str]]:
    """The same for a whole stack, with the resource that each message is about."""
    if rule.stack_check is None:
        return
    looked_at = [resource for resource in resources if rule.types(resource.type)]

    def look(found: tuple[Resource, str]) -> Iterable[tuple[Resource, str]]:
        resource, problem = found
        return [] if exempt(rule.name, resource, problem) else [(resource, _message(rule, problem))]

    yield from each(rule.stack_check(looked_at, {**rule.settings, **(settings or {})}), look)


def _message(rule: Rule, problem: str) -> str:
    return f"{problem} {rule.reason} {rule.fix}"
